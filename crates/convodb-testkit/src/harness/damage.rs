//! Damaged and foreign files: each is refused with a typed error, or has lost nothing.
//!
//! A child process opens every file, reads all of it and runs `verify`. Each answer is that of the
//! undamaged file or a typed error, and `verify` reports what an answer could not be read from. The
//! last commit of a file that was not closed may be rolled back, as its damage looks like a crash
//! during that commit.

mod bases;
mod blow;
mod look;
mod reading;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use bases::Bases;
use blow::Blow;
use look::Watch;

use super::random::Random;
use super::report::{Breach, Progress, Report};
use crate::child::{self, Child};

/// So many children share the files.
const CHILDREN: u64 = 2;

/// Beyond any file's reading, however busy the machine.
const BOUND: Duration = Duration::from_secs(20);

/// What a child does beside looking at files, for the harness to flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Nothing.
    None,
    /// The damage is a row that is missing under intact checksums, as if nothing checked pages.
    Unchecked,
    /// A message of the undamaged content is another one.
    OtherContent,
    /// The same of a conversation.
    OtherRow,
    Panics,
    Aborts,
    Hangs,
}

impl Control {
    const ALL: [(Self, &'static str); 7] = [
        (Self::None, "none"),
        (Self::Unchecked, "unchecked"),
        (Self::OtherContent, "other-content"),
        (Self::OtherRow, "other-row"),
        (Self::Panics, "panics"),
        (Self::Aborts, "aborts"),
        (Self::Hangs, "hangs"),
    ];

    fn word(self) -> &'static str {
        let known = Self::ALL.into_iter().find(|(control, _)| *control == self);
        known.unwrap().1
    }

    fn of(word: &str) -> Self {
        let known = Self::ALL.into_iter().find(|(_, known)| *known == word);
        known.unwrap().0
    }

    fn bound(self) -> Duration {
        match self {
            Self::Hangs => Duration::from_secs(2),
            _ => BOUND,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    /// The number of the first file: one alone can be looked at again.
    pub first: u64,
    pub files: u64,
    pub control: Control,
}

/// A child's share: every file that is so far from the first.
#[derive(Clone, Debug)]
struct Share {
    directory: PathBuf,
    plan: Plan,
    from: u64,
    step: u64,
}

impl Share {
    fn role(&self) -> String {
        let Plan {
            seed,
            first,
            files,
            control,
        } = self.plan;
        let (from, step, control) = (self.from, self.step, control.word());
        let directory = self.directory.display();
        format!("damage {seed} {first} {files} {control} {from} {step} {directory}")
    }

    fn of(role: &str) -> Option<Self> {
        let words: Vec<&str> = role.strip_prefix("damage ")?.splitn(7, ' ').collect();
        let number = |place: usize| words[place].parse().ok();
        Some(Self {
            plan: Plan {
                seed: number(0)?,
                first: number(1)?,
                files: number(2)?,
                control: Control::of(words[3]),
            },
            from: number(4)?,
            step: number(5)?,
            directory: words[6].into(),
        })
    }

    fn end(&self) -> u64 {
        self.plan.first + self.plan.files
    }
}

const BREACHES: [Breach; 4] = [
    Breach::Panicked,
    Breach::Aborted,
    Breach::Hung,
    Breach::Wrong,
];

/// Looks at so many files. `start` runs a program that gives its role to [`serve`].
pub fn run(plan: Plan, start: impl Fn(&str) -> Child + Sync, progress: &dyn Progress) -> Report {
    let directory = tempfile::tempdir().unwrap();
    Bases::make(directory.path());
    let done = AtomicU64::new(0);
    let mut report = Report::new(&BREACHES);
    for what in ["files"].into_iter().chain(look::NAMES) {
        report.tried(what, 0);
    }
    let reports = thread::scope(|scope| {
        let shares = (0..CHILDREN.min(plan.files)).map(|place| Share {
            directory: directory.path().to_owned(),
            plan,
            from: plan.first + place,
            step: CHILDREN,
        });
        let threads: Vec<_> = shares
            .map(|share| {
                let (start, done) = (&start, &done);
                scope.spawn(move || {
                    attend(share, start, &|| {
                        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                        progress.at(done, plan.files);
                    })
                })
            })
            .collect();
        let ended = threads.into_iter().map(|thread| thread.join().unwrap());
        ended.collect::<Vec<_>>()
    });
    reports.into_iter().for_each(|other| report.merge(other));
    report
}

/// Hears what a child sees, and starts another behind the file that one has died of.
fn attend(mut share: Share, start: &impl Fn(&str) -> Child, done: &dyn Fn()) -> Report {
    let mut report = Report::new(&BREACHES);
    while share.from < share.end() {
        let mut child = start(&share.role());
        let mut looked_at = None;
        let from = share.from;
        while let Some(line) = child.hear() {
            match Word::of(&line) {
                Word::Look(number) => looked_at = Some(number),
                Word::Seen(seen) => report.tried(seen, 1),
                Word::Found(breach, what) => report.found(breach, || what.to_owned()),
                Word::Done(number) => {
                    report.tried("files", 1);
                    looked_at = None;
                    share.from = number + share.step;
                    done();
                }
            }
        }
        if let Some(number) = looked_at {
            let blow = Blow::of(&share.plan, number);
            report.found(Breach::Aborted, || format!("{number}: {blow:?}"));
            report.tried("files", 1);
            share.from = number + share.step;
            done();
        }
        assert!(share.from > from, "a child ended before its first file");
    }
    report
}

/// What a child says.
enum Word<'a> {
    Look(u64),
    Seen(&'static str),
    Found(Breach, &'a str),
    Done(u64),
}

impl<'a> Word<'a> {
    fn of(line: &'a str) -> Self {
        let (word, rest) = line.split_once(' ').unwrap();
        match word {
            "look" => Self::Look(rest.parse().unwrap()),
            "seen" => {
                let known = look::NAMES.into_iter().find(|known| *known == rest);
                Self::Seen(known.unwrap())
            }
            "done" => Self::Done(rest.parse().unwrap()),
            "found" => {
                let (place, what) = rest.split_once(' ').unwrap();
                Self::Found(BREACHES[place.parse::<usize>().unwrap()], what)
            }
            _ => panic!("a child says {line}"),
        }
    }
}

/// The child's part, if the role is one of this harness.
pub fn serve(role: &str) -> bool {
    let Some(share) = Share::of(role) else {
        return false;
    };
    let bases = Bases::load(&share.directory);
    let mut expected = BTreeMap::new();
    let path = share.directory.join(format!("damaged-{}.redb", share.from));
    let watch = Watch::start(share.plan.control.bound());
    look::record_panics();
    let mut number = share.from;
    while number < share.end() {
        let blow = Blow::of(&share.plan, number);
        let expected = expected
            .entry(blow.base())
            .or_insert_with(|| bases.expected(blow.base(), share.plan.control));
        fs::write(&path, blow.strike(&bases)).unwrap();
        child::say(&format!("look {number}"));
        watch.begin(format!("{number}: {blow:?}"));
        let first = || misbehave(share.plan.control, number);
        match look::at(&path, &blow, expected, &first) {
            Ok(seen) => child::say(&format!("seen {}", seen.name())),
            Err((breach, what)) => {
                let what = what.replace('\n', " ");
                say_found(breach, &format!("{number}: {blow:?}: {what}"));
            }
        }
        watch.end();
        child::say(&format!("done {number}"));
        number += share.step;
    }
    true
}

fn say_found(breach: Breach, what: &str) {
    let place = BREACHES.iter().position(|known| *known == breach);
    child::say(&format!("found {} {what}", place.unwrap()));
}

/// What a positive control does in the middle of its files.
fn misbehave(control: Control, number: u64) {
    if number != 1 {
        return;
    }
    match control {
        Control::Panics => panic!("as a control does"),
        Control::Aborts => std::process::abort(),
        Control::Hangs => thread::sleep(Duration::from_secs(3_600)),
        _ => {}
    }
}

/// The seed of one file of a run: each is the same whichever child takes it.
fn random(plan: &Plan, number: u64) -> Random {
    const SPREAD: u64 = 0xD6E8_FEB8_6659_FD93;
    Random::new((plan.seed ^ number.wrapping_mul(SPREAD)).wrapping_mul(SPREAD))
}

fn base_path(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.redb"))
}
