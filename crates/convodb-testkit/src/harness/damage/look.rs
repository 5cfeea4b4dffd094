//! One look at a damaged file: opened, asked everything, verified.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use convodb::{Check, ErrorKind, Options, Store};

use super::bases::Expected;
use super::blow::Blow;
use super::reading::Answers;
use crate::child;
use crate::harness::report::Breach;

/// How the file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Checked,
    Unchecked,
}

impl Look {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::Unchecked => "unchecked",
        }
    }

    fn check(self) -> Check {
        match self {
            Self::Checked => Check::Always,
            Self::Unchecked => Check::Never,
        }
    }
}

/// What was seen, where it is no breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The opening was refused with a typed error.
    Refused,
    /// Every answer is right.
    Whole,
    /// Some answers are errors, or wrong and `verify` reports it.
    Reported,
    /// The engine panicked, which it may unchecked.
    Panicked,
}

/// What is counted of each look; unchecked, more can be seen.
pub(super) const NAMES: [&str; 6] = [
    "refused",
    "whole",
    "refused unchecked",
    "whole unchecked",
    "reported unchecked",
    "panics of redb unchecked",
];

impl Seen {
    pub(super) fn name(self, look: Look) -> &'static str {
        let place = match (self, look) {
            (Self::Refused, Look::Checked) => 0,
            (Self::Whole, Look::Checked) => 1,
            (Self::Refused, Look::Unchecked) => 2,
            (Self::Whole, Look::Unchecked) => 3,
            (Self::Reported, _) => 4,
            (Self::Panicked, _) => 5,
        };
        NAMES[place]
    }
}

/// Where the last panic was, and what it said.
static PANIC: Mutex<(String, String)> = Mutex::new((String::new(), String::new()));

/// Panics are part of the trial: none is printed.
pub(super) fn record_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        *PANIC.lock().unwrap() = (place.unwrap_or_default(), panic.to_string());
    }));
}

type Found = Result<Seen, (Breach, String)>;

/// Looks at a file.
pub(super) fn at(
    path: &Path,
    look: Look,
    blow: &Blow,
    expected: &Expected,
    first: &dyn Fn(),
) -> Found {
    let looked = catch_unwind(AssertUnwindSafe(|| {
        first();
        open_and_ask(path, look, blow, expected)
    }));
    match looked {
        Ok(found) => found,
        Err(_) => {
            let (place, what) = PANIC.lock().unwrap().clone();
            if look == Look::Unchecked && place.contains("/redb-") {
                return Ok(Seen::Panicked);
            }
            Err((Breach::Panicked, what))
        }
    }
}

fn open_and_ask(path: &Path, look: Look, blow: &Blow, expected: &Expected) -> Found {
    let options = Options::new().check(look.check()).create(false);
    let store = match options.open(path) {
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
    let found = match look {
        Look::Checked => ask_checked(&store, expected),
        Look::Unchecked => ask_unchecked(&store, expected),
    };
    // An error of closing is one of the file's: it was damaged.
    let _ = store.close();
    found
}

/// A checked opening promises everything.
fn ask_checked(store: &Store, expected: &Expected) -> Found {
    let (_, answers) = asked(store, expected);
    if let Some(wrong) = answers.wrong.or(answers.refused) {
        return Err((Breach::Wrong, wrong));
    }
    match store.verify() {
        Ok(report) if report.is_clean() => Ok(Seen::Whole),
        other => Err((Breach::Wrong, format!("{other:?}"))),
    }
}

/// An unchecked one promises records that were written, and that `verify` reports the rest.
fn ask_unchecked(store: &Store, expected: &Expected) -> Found {
    let (forged, answers) = asked(store, expected);
    if let Some(answer) = forged {
        return Err((Breach::Wrong, format!("forged: {answer}")));
    }
    let is_reported = !store.verify().is_ok_and(|report| report.is_clean());
    match (answers.wrong, is_reported) {
        (Some(wrong), false) => Err((Breach::Wrong, format!("unreported: {wrong}"))),
        (None, false) if answers.refused.is_none() => Ok(Seen::Whole),
        _ => Ok(Seen::Reported),
    }
}

/// What was never written, and the answers beside the content that they fit best.
fn asked(store: &Store, expected: &Expected) -> (Option<String>, Answers) {
    let mut first = None;
    for content in &expected.contents {
        let mut answers = content.ask(store, &expected.shown);
        if answers.wrong.is_none() && answers.refused.is_none() {
            return (None, answers);
        }
        let forged = answers.forged.take();
        first.get_or_insert((forged, answers));
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
