//! Crash replay: what a disk may hold after a power cut, at every moment of a random workload, is
//! opened, and must hold all that was acknowledged or seen by a reader, and nothing by half.
//!
//! What was not synced may be lost, in any order, and a write by sectors; a name is as durable as
//! the last sync of its directory. Some states are cut once more while they recover, and some
//! processes are killed first, so that the next one finds what the system held in memory.

mod check;
mod claims;
mod record;
mod states;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

pub use check::check;
pub use claims::Claims;
pub use record::History;
pub use states::Crash;

use super::disk::Event;
use super::random::Random;
use super::report::{Breach, Progress, Report};

/// Where the store lies on its disk.
pub const PATH: &str = "/inbox.redb";

pub fn path() -> &'static Path {
    Path::new(PATH)
}

/// So many look at states at once.
const LOOKERS: usize = 2;

/// One state in so many is cut again.
const AGAIN: u64 = 400;

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Nothing.
    None,
    /// A sync does nothing.
    IgnoredSyncs,
    /// A sync takes hold so many events later, so that writes pass it.
    LateSyncs(usize),
    /// Readers see a commit before it is durable.
    EarlyReaders,
}

impl Control {
    fn distort(self, history: &mut History) {
        let is_sync = |event: &Event| matches!(event, Event::Sync { .. });
        match self {
            Self::None => {}
            Self::IgnoredSyncs => {
                for event in history.trace.iter_mut().filter(|event| is_sync(event)) {
                    *event = Event::Sync { file: usize::MAX };
                }
            }
            Self::LateSyncs(by) => {
                let events = std::mem::take(&mut history.trace).into_iter().enumerate();
                let mut late: Vec<(usize, Event)> = events
                    .map(|(at, event)| (if is_sync(&event) { at + by } else { at }, event))
                    .collect();
                // Stable: what came before at one place stays before.
                late.sort_by_key(|(at, _)| *at);
                history.trace = late.into_iter().map(|(_, event)| event).collect();
            }
            Self::EarlyReaders => history.claims.see_early(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    /// So many different states are opened.
    pub states: u64,
    /// Of each workload one state in so many is taken.
    pub one_in: u64,
    pub control: Control,
}

/// A state to be looked at.
struct Job {
    crash: Crash,
    claims: Arc<Claims>,
    origin: Arc<str>,
}

/// Opens so many states, of as many workloads as that takes.
pub fn run(plan: Plan, progress: &dyn Progress) -> Report {
    let report = Mutex::new(new_report());
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(64);
        let receiver = Mutex::new(receiver);
        let (report, receiver) = (&report, Arc::new(receiver));
        for _ in 0..LOOKERS {
            let receiver = Arc::clone(&receiver);
            scope.spawn(move || look(&receiver, report));
        }
        drop(receiver);
        let mut run = Run {
            plan,
            random: Random::new(plan.seed),
            sender,
            creation: record::calls_of_creation(),
            seen: HashSet::new(),
            progress,
        };
        for round in 0.. {
            if run.is_done() {
                break;
            }
            run.round(round);
            report
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .tried("workloads", 1);
        }
    });
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}

pub fn new_report() -> Report {
    let mut report = Report::new(&[
        Breach::Lost,
        Breach::Torn,
        Breach::Unopened,
        Breach::Panicked,
    ]);
    report.tried("states", 0);
    report
}

/// Looks at states until there are no more.
fn look(receiver: &Mutex<Receiver<Job>>, report: &Mutex<Report>) {
    let mut found = new_report();
    loop {
        let next = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(job) = next else { break };
        found.tried("states", 1);
        check(&job.crash, &job.claims, &job.origin, &mut found);
    }
    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
    report.merge(found);
}

struct Run<'a> {
    plan: Plan,
    random: Random,
    sender: SyncSender<Job>,
    /// The calls of a creation before which a rival comes.
    creation: Vec<u64>,
    seen: HashSet<u64>,
    progress: &'a dyn Progress,
}

impl Run<'_> {
    fn is_done(&self) -> bool {
        self.seen.len() as u64 >= self.plan.states
    }

    /// One workload from the creation of its file on, at random or of removed assignees or views, a race
    /// of two creators, or a failing sync.
    fn round(&mut self, round: u64) {
        let seed = self.plan.seed.wrapping_mul(1_000_003).wrapping_add(round);
        let mut history = match round % 4 {
            1 => {
                let race = (round / 4) as usize % self.creation.len();
                record::race(seed, self.creation[race])
            }
            2 if round % 8 == 2 => record::removals(seed),
            2 => record::views(seed),
            3 => record::failed_sync(seed),
            _ => record::workload(seed),
        };
        self.plan.control.distort(&mut history);
        let origin = format!("seed {}, workload {round}", self.plan.seed);
        self.explore(&Arc::new(history), 0, &origin, true);
    }

    /// Hands on every state of a history from a position on, and cuts some of them again.
    fn explore(&mut self, history: &Arc<History>, from: usize, origin: &str, again: bool) {
        let claims = Arc::new(history.claims.clone());
        let origin: Arc<str> = origin.into();
        let mut random = Random::new(self.random.word());
        states::each(history, from, &mut random, &mut |crash| {
            if self.is_done() || self.random.below(self.plan.one_in) != 0 {
                return;
            }
            let cut_again = again && self.random.below(AGAIN) == 0;
            if cut_again {
                let origin = format!("{origin}, {crash} and again");
                self.resume(history, &crash, &origin);
            }
            if !self.is_done() {
                self.hand_on(crash, &claims, &origin);
            }
        });
    }

    /// What comes after a state: it recovers, and is written to again.
    fn resume(&mut self, history: &Arc<History>, crash: &Crash, origin: &str) {
        let seed = self.random.word();
        let resumed = if seed.is_multiple_of(2) {
            record::resume_cut(history, crash, seed)
        } else {
            record::resume_killed(history, crash.at, seed)
        };
        // One that does not open is found where it is looked at.
        if let Some((resumed, from)) = resumed {
            self.explore(&Arc::new(resumed), from, origin, false);
        }
    }

    fn hand_on(&mut self, crash: Crash, claims: &Arc<Claims>, origin: &Arc<str>) {
        let mut hasher = DefaultHasher::new();
        claims.known(crash.at).hash(&mut hasher);
        claims.most(crash.at).hash(&mut hasher);
        for (name, file) in &crash.image.names {
            (name, &crash.image.files[*file]).hash(&mut hasher);
        }
        // Equal images with equal claims on them are looked at once.
        if self.seen.insert(hasher.finish()) {
            self.progress.at(self.seen.len() as u64, self.plan.states);
            let job = Job {
                crash,
                claims: Arc::clone(claims),
                origin: Arc::clone(origin),
            };
            self.sender.send(job).expect("somebody looks");
        }
    }
}
