//! One workload on one disk with a fault, up to what fails, and what comes after.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use convodb::testing::ManualClock;
use convodb::{CommitSeq, Details, Error, ErrorKind, Execute as _, Read as _, Store};

use crate::apply::apply;
use crate::fixture::{clock, options};
use crate::harness::contents::Contents;
use crate::harness::disk::{Call, Fate, Gate, MemoryDisk};
use crate::harness::report::Breach;
use crate::model::Model;
use crate::op::{Op, Who};
use crate::plan::Text;

const PATH: &str = "/inbox.redb";

/// What the names of backups begin with.
const COPY: &str = "/copy";

/// Small enough that commands read from the disk too.
const CACHE_BYTES: usize = 64 << 10;

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call of this number ends like this, and, where it lasts, all after it.
    Call {
        number: u64,
        lasts: bool,
        fate: Fate,
    },
    /// Files have room for so many bytes in all.
    Full {
        bytes: u64,
    },
    Nothing,
}

/// Lets calls fail, until it is mended.
struct Trouble {
    disk: MemoryDisk,
    fault: Fault,
    calls: AtomicU64,
    mended: AtomicBool,
}

impl Trouble {
    fn is_full(&self) -> bool {
        matches!(self.fault, Fault::Full { .. })
    }
}

impl Gate for Trouble {
    fn before(&self, call: Call) -> Fate {
        let now = self.calls.fetch_add(1, Ordering::SeqCst);
        if self.mended.load(Ordering::SeqCst) {
            return Fate::Done;
        }
        match (self.fault, call) {
            (
                Fault::Call {
                    number,
                    lasts,
                    fate,
                },
                _,
            ) if now == number || (lasts && now > number) => fate,
            (Fault::Full { bytes }, Call::SetLen { len, now })
                if self.disk.used() + len.saturating_sub(now) > bytes =>
            {
                Fate::Refused(std::io::ErrorKind::StorageFull)
            }
            _ => Fate::Done,
        }
    }
}

/// What a workload does.
#[derive(Clone, Debug)]
pub enum Step {
    Do(Op),
    /// To a path of this number.
    BackUp(usize),
    Repair,
}

/// A workload that went as it should.
pub struct Twin {
    steps: Vec<Step>,
    /// By sequence.
    contents: Vec<Contents>,
    pub calls: u64,
    pub bytes: u64,
}

/// What is wrong.
pub(crate) type Finding = (Breach, String);

fn overclaimed(what: impl Into<String>) -> Finding {
    (Breach::Overclaimed, what.into())
}

/// A store on a disk with a fault, beside the model of what it acknowledged.
struct Run<'a> {
    disk: MemoryDisk,
    trouble: Arc<Trouble>,
    clock: ManualClock,
    model: Model,
    twin: Option<&'a Twin>,
    /// What the commit of unknown outcome left, if it happened.
    perhaps: Option<Contents>,
}

impl<'a> Run<'a> {
    fn new(fault: Fault, twin: Option<&'a Twin>) -> Self {
        let (clock, disk) = (clock(), MemoryDisk::default());
        let trouble = Arc::new(Trouble {
            disk: disk.clone(),
            fault,
            calls: AtomicU64::default(),
            mended: AtomicBool::new(false),
        });
        disk.set_gate(Some(trouble.clone()));
        Self {
            model: Model::new(&clock),
            disk,
            trouble,
            clock,
            twin,
            perhaps: None,
        }
    }

    fn open(&self, path: impl AsRef<Path>) -> Result<Store, Error> {
        options(&self.clock)
            .disk(Arc::new(self.disk.clone()))
            .cache_size(CACHE_BYTES)
            .open(path)
    }

    fn step(&mut self, store: &Store, step: &Step) -> Result<(), Error> {
        match step {
            Step::Do(op) => apply(store, &mut self.model, op),
            Step::BackUp(number) => store.backup(format!("{COPY}.{number}")),
            Step::Repair => {
                let repaired = store.repair();
                // It may have gone well where the look at it did not.
                if let Ok(commit) = store.commit_seq()
                    && commit.get() > self.model.sequence
                {
                    self.model.repair();
                }
                assert!(repaired?.is_clean());
                Ok(())
            }
        }
    }

    /// All that is read is what was acknowledged, or the disk's error.
    fn check_reading(&self, store: &Store) -> Result<(), Finding> {
        match Contents::of_reading(store) {
            Ok(contents) => self.compare(&contents, &Contents::of_model(&self.model)),
            // A full disk takes no reads away.
            Err(error) if is_of_the_disk(&error) && !self.trouble.is_full() => Ok(()),
            Err(error) => Err(overclaimed(format!("reading says {error:?}"))),
        }
    }

    fn compare(&self, contents: &Contents, expected: &Contents) -> Result<(), Finding> {
        match contents.difference(expected) {
            None => Ok(()),
            Some(difference) => Err((Breach::Torn, difference)),
        }
    }

    /// A step has failed: its error claims nothing that is not known.
    fn take_error(&mut self, step: &Step, error: &Error) -> Result<(), Finding> {
        if error.kind() == ErrorKind::CommitUnknown {
            let next = self.model.sequence + 1;
            if *error.details() != Details::Commit(CommitSeq::new(next)) {
                return Err(overclaimed(format!("{error:?} instead of commit {next}")));
            }
            let twin = self.twin.and_then(|twin| twin.contents.get(next as usize));
            self.perhaps = twin.cloned();
            return Ok(());
        }
        if is_of_the_disk(error) {
            return Ok(());
        }
        Err(overclaimed(format!("{step:?} says {error:?}")))
    }

    /// Another command before the store is reopened.
    fn check_writing(&mut self, store: &Store) -> Result<(), Finding> {
        let op = Op::SaveAssignee {
            assignee: Who(0),
            name: Text::Long,
        };
        let unknown = self.perhaps.is_some();
        let mut draft = self.model.clone();
        match apply(store, &mut self.model, &op) {
            Ok(()) if unknown => Err(overclaimed("a command after one of unknown outcome")),
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NeedsReopen => Ok(()),
            Err(error) if unknown => Err(overclaimed(format!("a second command says {error:?}"))),
            Err(error) => {
                self.take_error(&Step::Do(op), &error)?;
                if self.perhaps.is_some() {
                    draft.read_clock();
                    draft.save_assignee(&Who(0).id(), Text::Long.string());
                    self.perhaps = Some(Contents::of_model(&draft));
                }
                Ok(())
            }
        }
    }

    /// The disk is well again, and the store reopened: what was acknowledged is there, and what
    /// was unknown is there as a whole or not at all.
    fn check_reopened(&mut self, store: &Store) -> Result<(), Finding> {
        let fails = |error: Error| (Breach::Unopened, format!("{error:?}"));
        let sequence = store.commit_seq().map_err(fails)?.get();
        let contents = Contents::of_store(store, &self.clock).map_err(fails)?;
        let happened = sequence == self.model.sequence + 1;
        match self.perhaps.take() {
            Some(perhaps) if happened => self.compare(&contents, &perhaps)?,
            _ if sequence < self.model.sequence => {
                let what = format!("{} was acknowledged, {sequence} there", self.model.sequence);
                return Err((Breach::Lost, what));
            }
            _ if sequence > self.model.sequence => {
                let what = format!("{sequence} is there, and was said to have failed");
                return Err(overclaimed(what));
            }
            _ => self.compare(&contents, &Contents::of_model(&self.model))?,
        }
        let report = store.verify().map_err(fails)?;
        if report.is_clean() {
            Ok(())
        } else {
            Err((Breach::Torn, format!("{:?}", report.findings)))
        }
    }

    fn mend(&self) {
        self.trouble.mended.store(true, Ordering::SeqCst);
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        // It holds the disk, which holds it.
        self.disk.set_gate(None);
    }
}

/// What a failing disk may make of a call, if nothing is known of its outcome.
fn is_of_the_disk(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Io | ErrorKind::StorageFull | ErrorKind::NeedsReopen
    )
}

/// The workload without a fault.
pub fn twin(steps: Vec<Step>) -> Twin {
    let mut run = Run::new(Fault::Nothing, None);
    let store = run.open(PATH).unwrap();
    let mut contents = vec![Contents::of_model(&run.model)];
    for step in &steps {
        run.step(&store, step).unwrap();
        if contents.len() as u64 <= run.model.sequence {
            contents.push(Contents::of_model(&run.model));
        }
    }
    let held = Contents::of_store(&store, &run.clock).unwrap();
    assert_eq!(held.difference(&Contents::of_model(&run.model)), None);
    assert!(store.verify().unwrap().is_clean());
    store.close().unwrap();
    Twin {
        contents,
        calls: run.trouble.calls.load(Ordering::SeqCst),
        bytes: run.disk.used(),
        steps,
    }
}

/// The workload with a fault, up to what fails, and what comes after.
pub fn try_fault(twin: &Twin, fault: Fault) -> Result<(), Finding> {
    let mut run = Run::new(fault, Some(twin));
    let store = match run.open(PATH) {
        Ok(store) => store,
        Err(error) if is_of_the_disk(&error) => {
            run.mend();
            run.open(PATH)
                .map_err(|error| (Breach::Unopened, format!("{error:?}")))?
        }
        Err(error) => return Err(overclaimed(format!("opening says {error:?}"))),
    };
    let mut failed = None;
    for step in &twin.steps {
        if let Err(error) = run.step(&store, step) {
            run.take_error(step, &error)?;
            failed = Some(step);
            break;
        }
    }
    run.check_reading(&store)?;
    if failed.is_some() {
        run.check_writing(&store)?;
        run.check_reading(&store)?;
        if let Err(error) = store.reopen()
            && !is_of_the_disk(&error)
        {
            return Err(overclaimed(format!("reopening says {error:?}")));
        }
    }
    run.mend();
    store
        .reopen()
        .map_err(|error| (Breach::Unopened, format!("{error:?}")))?;
    run.check_reopened(&store)?;
    check_copies(&run)?;
    go_on(&run, store)
}

/// A backup that failed has left the whole copy, or nothing.
fn check_copies(run: &Run<'_>) -> Result<(), Finding> {
    let fails = |error: Error| (Breach::Unopened, format!("the copy: {error:?}"));
    for name in run.disk.image().names.into_keys() {
        if !name.to_string_lossy().starts_with(COPY) {
            continue;
        }
        let copy = run.open(&name).map_err(fails)?;
        let contents = Contents::of_store(&copy, &run.clock).map_err(fails)?;
        let sequence = copy.commit_seq().map_err(fails)?.get();
        let twin = run.twin.expect("a run with a fault has a twin");
        match twin.contents.get(sequence as usize) {
            Some(expected) => run.compare(&contents, expected)?,
            None => return Err((Breach::Torn, format!("the copy is of commit {sequence}"))),
        }
    }
    Ok(())
}

/// The store works as before, and the file opens when it is closed.
fn go_on(run: &Run<'_>, store: Store) -> Result<(), Finding> {
    let fails = |error: Error| (Breach::Unopened, format!("going on: {error:?}"));
    let user = convodb::UserId::new("usr_99").expect("an id");
    store.save_user(&user, "Last").map_err(fails)?;
    let sequence = store.commit_seq().map_err(fails)?.get();
    let contents = Contents::of_store(&store, &run.clock).map_err(fails)?;
    store.close().map_err(fails)?;
    let store = run.open(PATH).map_err(fails)?;
    if store.commit_seq().map_err(fails)?.get() != sequence {
        return Err((Breach::Lost, format!("the last commit, {sequence}")));
    }
    let held = Contents::of_store(&store, &run.clock).map_err(fails)?;
    run.compare(&held, &contents)
}
