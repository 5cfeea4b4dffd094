//! Many threads that read and write at once, for long: no call fails, memory has a bound, and what
//! was acknowledged is there.
//!
//! Beside the writers one reader keeps its pace, as an agent's screen does; how long its pages take
//! is reported as a multiple of what they take without writers.

mod client;
mod measure;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use convodb::prelude::*;
use convodb::{Filter, Options};

use self::client::{Reader, Writer};
use self::measure::{Latencies, peak_memory_kib};
use super::report::{Breach, Progress, Report};
use super::views;
use crate::fixture::EndsOthers;

const WRITERS: u64 = 16;
const READERS: u64 = 16;

/// What goes wrong beside, for the harness to flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Nothing.
    None,
    /// The store is closed in the middle.
    Closed,
    /// A message is acknowledged that was not written.
    Forgotten,
}

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    /// How long all write and read; the paced reader takes a third of it more.
    pub time: Duration,
    /// So many are there before.
    pub conversations: u64,
    pub control: Control,
}

/// What all threads share.
struct Run<'a> {
    plan: Plan,
    store: &'a Store,
    ends: AtomicBool,
    commands: AtomicU64,
    /// Messages that the store has said are there.
    messages: AtomicU64,
    reads: AtomicU64,
}

impl Run<'_> {
    fn goes_on(&self) -> bool {
        !self.ends.load(Ordering::Relaxed)
    }
}

/// Lets writers and readers loose on a new store.
pub fn run(plan: Plan, progress: &dyn Progress) -> Report {
    let mut report = Report::new(&[Breach::Failed, Breach::Lost, Breach::Torn, Breach::Hung]);
    let directory = tempfile::tempdir().unwrap();
    let store = Options::new()
        .open(directory.path().join("inbox.redb"))
        .unwrap();
    client::import(&store, plan.conversations);
    views::save(&store, 1).unwrap();
    let run = Run {
        plan,
        store: &store,
        ends: AtomicBool::new(false),
        commands: AtomicU64::new(0),
        messages: AtomicU64::new(0),
        reads: AtomicU64::new(0),
    };
    let quiet = paced(&run, 0, &mut report);
    let beside = paced(&run, WRITERS, &mut report);
    let half = crowd(&run, progress, &mut report);
    report.tried("commands", run.commands.load(Ordering::SeqCst));
    report.tried("reads", run.reads.load(Ordering::SeqCst));
    let end = peak_memory_kib();
    if plan.control == Control::Forgotten {
        run.messages.fetch_add(1, Ordering::SeqCst);
    }
    if plan.control != Control::Closed {
        check(&run, &mut report);
    }
    report.note(quiet.beside(&beside));
    if let (Some(half), Some(end)) = (half, end) {
        let (half, end) = (half / 1_024, end / 1_024);
        report.note(format!(
            "peak memory {end} MiB, {half} MiB of it at half time"
        ));
    }
    report
}

/// One reader at its pace, beside so many writers.
fn paced(run: &Run<'_>, writers: u64, report: &mut Report) -> Latencies {
    run.ends.store(false, Ordering::SeqCst);
    let (latencies, failures) = thread::scope(|scope| {
        let threads: Vec<_> = (0..writers)
            .map(|number| scope.spawn(move || Writer::new(run, number).run()))
            .collect();
        let ends = EndsOthers(&run.ends);
        let latencies = measure::pace(run.store, run.plan.time / 6);
        drop(ends);
        let failures: Vec<_> = threads
            .into_iter()
            .filter_map(|thread| thread.join().unwrap())
            .collect();
        (latencies, failures)
    });
    tell(failures, report);
    latencies.unwrap_or_else(|error| {
        tell(vec![error], report);
        Latencies::default()
    })
}

/// All at once; the peak of memory at half time.
fn crowd(run: &Run<'_>, progress: &dyn Progress, report: &mut Report) -> Option<u64> {
    run.ends.store(false, Ordering::SeqCst);
    let mut half = None;
    let failures: Vec<_> = thread::scope(|scope| {
        let writers = (0..WRITERS)
            .map(|number| scope.spawn(move || Writer::new(run, WRITERS + number).run()))
            .collect::<Vec<_>>();
        let readers = (0..READERS)
            .map(|number| scope.spawn(move || Reader::new(run, number).run()))
            .collect::<Vec<_>>();
        let ends = EndsOthers(&run.ends);
        let begun = Instant::now();
        // Time passes by waiting only.
        while begun.elapsed() < run.plan.time {
            thread::sleep(run.plan.time / 100);
            if half.is_none() && begun.elapsed() * 2 > run.plan.time {
                half = peak_memory_kib();
                if run.plan.control == Control::Closed {
                    run.store.clone().close().unwrap();
                }
            }
            let done = begun.elapsed().min(run.plan.time).as_millis();
            progress.at(done as u64, run.plan.time.as_millis() as u64);
        }
        drop(ends);
        let threads = writers.into_iter().chain(readers);
        threads
            .filter_map(|thread| thread.join().unwrap())
            .collect()
    });
    tell(failures, report);
    half
}

fn tell(failures: Vec<convodb::Error>, report: &mut Report) {
    for failure in failures {
        report.found(Breach::Failed, || format!("{failure:?}"));
    }
}

/// All that was acknowledged is there, and agrees with itself.
fn check(run: &Run<'_>, report: &mut Report) {
    views::check(run.store, report);
    let verified = run.store.verify().unwrap();
    if !verified.is_clean() {
        report.found(Breach::Torn, || format!("{:?}", verified.findings));
    }
    let stats = run.store.stats().unwrap();
    let messages = run.messages.load(Ordering::SeqCst);
    if stats.messages != messages {
        report.found(Breach::Lost, || {
            format!("{} messages of {messages}", stats.messages)
        });
    }
    let conversations = run.store.count(&Filter::all()).unwrap();
    if conversations != run.plan.conversations || stats.snapshots != 0 {
        report.found(Breach::Torn, || format!("{stats:?}"));
    }
}
