//! One look at a damaged file: opened, asked everything, verified.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use convodb::{Error, ErrorKind, Options, Store};

use super::blow::Blow;
use super::reading::{Answers, Content};
use crate::child;
use crate::harness::report::Breach;

/// What was seen, where it is no breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The opening was refused with a typed error.
    Refused,
    /// Every answer is right, and `verify` is clean.
    Whole,
    /// Every answer is right or a typed error, and `verify` reports the damage.
    Reported,
}

/// What is counted.
pub(super) const NAMES: [&str; 3] = ["refused", "whole", "reported"];

impl Seen {
    pub(super) fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

/// Where the last panic was, and what it said.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Panics are part of the trial: none is printed.
pub(super) fn record_panics() {
    std::panic::set_hook(Box::new(|panic| {
        *PANIC.lock().unwrap() = panic.to_string();
    }));
}

type Found = Result<Seen, (Breach, String)>;

/// Looks at a file.
pub(super) fn at(path: &Path, blow: &Blow, contents: &[Content], first: &dyn Fn()) -> Found {
    let looked = catch_unwind(AssertUnwindSafe(|| {
        first();
        open_and_ask(path, blow, contents)
    }));
    looked.unwrap_or_else(|_| Err((Breach::Panicked, PANIC.lock().unwrap().clone())))
}

fn open_and_ask(path: &Path, blow: &Blow, contents: &[Content]) -> Found {
    let store = match Options::new().create(false).open(path) {
        Ok(store) => store,
        Err(error) => {
            let typed = match blow.refusal() {
                Some(refusal) => error.kind() == refusal,
                None => matches!(
                    error.kind(),
                    ErrorKind::Corrupted | ErrorKind::NotADatabase | ErrorKind::UnsupportedVersion
                ),
            };
            let refused = || (Breach::Wrong, format!("refused with {error:?}"));
            return typed.then_some(Seen::Refused).ok_or_else(refused);
        }
    };
    if blow.refusal().is_some() {
        return Err((Breach::Wrong, "opened".to_owned()));
    }
    let found = ask(&store, contents);
    // An error of closing is one of the file's: it was damaged.
    let _ = store.close();
    found
}

fn ask(store: &Store, contents: &[Content]) -> Found {
    let answers = asked(store, contents);
    if let Some(wrong) = answers.wrong {
        return Err((Breach::Wrong, wrong));
    }
    let verified = store.verify();
    let is_clean = matches!(&verified, Ok(report) if report.is_clean());
    match (answers.refused, verified) {
        (None, _) if is_clean => Ok(Seen::Whole),
        (Some(refused), _) if is_clean => Err((Breach::Wrong, format!("unreported: {refused}"))),
        (_, Ok(report)) => Err((Breach::Wrong, format!("sound pages, and {report:?}"))),
        (_, Err(error)) if is_damage(&error) => Ok(Seen::Reported),
        (_, Err(error)) => Err((Breach::Wrong, format!("verified with {error:?}"))),
    }
}

/// After a damaged page the engine refuses everything until it is opened anew, which ends snapshots.
pub(super) fn is_damage(error: &Error) -> bool {
    use ErrorKind::{Corrupted, NeedsReopen, SnapshotExpired};
    matches!(error.kind(), Corrupted | NeedsReopen | SnapshotExpired)
}

/// The answers beside the content that they fit best.
fn asked(store: &Store, contents: &[Content]) -> Answers {
    let mut first = None;
    for content in contents {
        let answers = content.ask(store);
        if answers.wrong.is_none() {
            return answers;
        }
        first.get_or_insert(answers);
    }
    first.unwrap()
}

/// Ends the process when a look takes too long: what hangs would never tell.
pub(super) struct Watch(Arc<Mutex<Option<(Instant, String)>>>);

impl Watch {
    pub(super) fn start(bound: Duration) -> Self {
        let begun: Arc<Mutex<Option<(Instant, String)>>> = Arc::default();
        let watched = Arc::clone(&begun);
        thread::spawn(move || {
            loop {
                thread::sleep(bound / 10);
                let begun = watched.lock().unwrap();
                if let Some((at, what)) = &*begun
                    && at.elapsed() > bound
                {
                    let number = what.split(':').next().unwrap_or_default();
                    super::say_found(Breach::Hung, what);
                    child::say(&format!("done {number}"));
                    std::process::exit(0);
                }
            }
        });
        Self(begun)
    }

    pub(super) fn begin(&self, what: String) {
        *self.0.lock().unwrap() = Some((Instant::now(), what));
    }

    pub(super) fn end(&self) {
        *self.0.lock().unwrap() = None;
    }
}
