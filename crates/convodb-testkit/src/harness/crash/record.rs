//! Workloads on a disk that remembers, with a note of what was acknowledged and seen where.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use convodb::prelude::*;
use convodb::testing::ManualClock;
use convodb::{Channel, ErrorKind, Options, Result, UserId};

use super::claims::Claims;
use super::states::{self, Crash};
use crate::apply::apply;
use crate::fixture::{clock, ops_of, options};
use crate::harness::disk::{Call, Event, Fate, Gate, Image, MemoryDisk};
use crate::harness::random::Random;
use crate::model::Model;
use crate::op::{Address, Body, CONTACTS, Op, Pick, Who};
use crate::plan::Text;
use crate::probe::FilterPlan;
use crate::views::{SORTS, VIEWS};

/// What was done to a disk, and what may be asked of it afterwards.
#[derive(Clone, Debug)]
pub struct History {
    pub base: Image,
    pub trace: Vec<Event>,
    pub claims: Claims,
    /// By sequence.
    models: Vec<Model>,
}

fn on(disk: &MemoryDisk, clock: &ManualClock) -> Options {
    options(clock).disk(Arc::new(disk.clone()))
}

/// A reader beside the writer: at each call of the disk it sees which commit is the latest.
struct Reader {
    disk: MemoryDisk,
    store: Store,
    seen: Mutex<Vec<(usize, u64)>>,
    /// So many syncs until one fails.
    syncs: AtomicU64,
}

impl Gate for Reader {
    fn before(&self, call: Call) -> Fate {
        // Nothing is to be seen while the store is reopened.
        if let Ok(commit) = self.store.commit_seq() {
            let sequence = commit.get();
            let at = self.disk.position();
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.last().is_none_or(|(_, last)| *last < sequence) {
                seen.push((at, sequence));
            }
        }
        let fails = call == Call::Sync && self.syncs.fetch_sub(1, Ordering::SeqCst) == 1;
        if fails {
            Fate::Half(std::io::ErrorKind::Other)
        } else {
            Fate::Done
        }
    }
}

/// A store under way on a disk that remembers.
struct Recorder {
    disk: MemoryDisk,
    store: Store,
    reader: Arc<Reader>,
    model: Model,
    models: Vec<Model>,
    claims: Claims,
}

impl Recorder {
    fn new(disk: MemoryDisk, store: Store, models: Vec<Model>, claims: Claims) -> Self {
        let model = models.last().expect("a state to begin with").clone();
        let reader = Arc::new(Reader {
            disk: disk.clone(),
            store: store.clone(),
            seen: Mutex::default(),
            syncs: AtomicU64::new(u64::MAX),
        });
        disk.set_gate(Some(reader.clone()));
        Self {
            disk,
            store,
            reader,
            model,
            models,
            claims,
        }
    }

    /// Does something that leaves what the model then says.
    fn step(&mut self, act: impl FnOnce(&Store, &mut Model)) {
        let begun = self.disk.position();
        self.claims.begin(begun, self.model.sequence + 1);
        act(&self.store, &mut self.model);
        let done = self.disk.position();
        self.claims.acknowledge(begun, done, &self.model);
        if self.models.len() as u64 <= self.model.sequence {
            self.models.push(self.model.clone());
        }
    }

    fn back_up(&mut self, path: PathBuf) {
        let begun = self.disk.position();
        self.store.backup(&path).unwrap();
        let done = self.disk.position();
        self.claims.copied(path, (begun, done), &self.model);
    }

    fn finish(mut self, base: Image) -> History {
        let done = self.disk.position();
        self.store.close().unwrap();
        self.disk.set_gate(None);
        let seen = std::mem::take(
            &mut *self
                .reader
                .seen
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for (at, sequence) in seen {
            self.claims.see(at, sequence);
        }
        self.claims.see(done, self.model.sequence);
        History {
            base,
            trace: self.disk.trace(),
            claims: self.claims,
            models: self.models,
        }
    }
}

/// Begins with nothing: a new file at any position from the beginning on.
fn new_store(disk: &MemoryDisk, clock: &ManualClock) -> Recorder {
    let model = Model::new(clock);
    let store = on(disk, clock).open(super::path()).unwrap();
    let mut claims = Claims::default();
    claims.acknowledge(0, disk.position(), &model);
    Recorder::new(disk.clone(), store, vec![model], claims)
}

/// A random workload, from the creation of the file to its closing.
pub(crate) fn workload(seed: u64) -> History {
    const OPS: usize = 24;
    let (clock, mut random) = (clock(), Random::new(!seed));
    let disk = MemoryDisk::recording(&Image::default(), &[]);
    let mut recorder = new_store(&disk, &clock);
    for (number, op) in ops_of(seed, OPS).iter().enumerate() {
        recorder.step(|store, model| apply(store, model, op).unwrap());
        match random.below(16) {
            0 => recorder.back_up(format!("/copy.{number}").into()),
            1 => recorder.step(|store, model| {
                assert!(store.repair().unwrap().is_clean());
                model.repair();
            }),
            _ => {}
        }
    }
    recorder.finish(Image::default())
}

/// Users are removed one after another, and their conversations reassigned between commands about them.
pub(crate) fn removals(seed: u64) -> History {
    const OPS: usize = 12;
    let (clock, mut random) = (clock(), Random::new(!seed));
    let disk = MemoryDisk::recording(&Image::default(), &[]);
    let mut recorder = new_store(&disk, &clock);
    let mut give = |op: &Op| recorder.step(|store, model| apply(store, model, op).unwrap());
    for number in 0..3 {
        let (assignee, name) = (Who(number), Text::Short(number));
        give(&Op::SaveAssignee { assignee, name });
    }
    for number in 0..CONTACTS {
        let from = Address {
            contact: number,
            inbox: Channel::Webchat.into(),
        };
        give(&Op::Receive {
            from,
            body: Body::Text(Text::Short(number)),
            sent_at: None,
            provider_id: None,
            reopen: true,
            more: crate::more::More::default(),
        });
        give(&Op::Assign {
            conversation: Pick::Known(number),
            assignee: Who(number % 2),
        });
    }
    for (number, op) in ops_of(seed, OPS).iter().enumerate() {
        match number {
            1 => give(&removal(0, Some(1))),
            4 => give(&removal(1, Some(2))),
            7 => give(&removal(2, None)),
            _ => {}
        }
        if random.below(2) == 0 {
            give(&Op::Reassign { limit: 1 });
        }
        give(op);
    }
    give(&Op::Reassign { limit: u8::MAX });
    recorder.finish(Image::default())
}

/// Views are saved, changed and removed, and built a little at a time between commands about what they
/// have.
pub(crate) fn views(seed: u64) -> History {
    const OPS: usize = 16;
    let (clock, mut random) = (clock(), Random::new(!seed));
    let disk = MemoryDisk::recording(&Image::default(), &[]);
    let mut recorder = new_store(&disk, &clock);
    let mut give = |op: &Op| recorder.step(|store, model| apply(store, model, op).unwrap());
    for number in 0..CONTACTS {
        give(&Op::Receive {
            from: Address {
                contact: number,
                inbox: Channel::Webchat.into(),
            },
            body: Body::Text(Text::Short(number)),
            sent_at: None,
            provider_id: None,
            reopen: true,
            more: crate::more::More::default(),
        });
    }
    for (number, op) in (0_u8..).zip(ops_of(seed, OPS)) {
        if random.below(3) == 0 {
            let sort = SORTS[random.below(SORTS.len() as u64) as usize];
            let mut filter = FilterPlan::ALL;
            filter.waiting = (number % 4 == 0).then_some(true);
            give(&Op::SaveView {
                view: number % VIEWS,
                name: Text::Short(number),
                filter,
                sort,
            });
        }
        if random.below(2) == 0 {
            let limit = 1 + random.below(3) as u8;
            give(&Op::Reassign { limit });
        }
        give(&op);
    }
    give(&Op::Reassign { limit: u8::MAX });
    recorder.finish(Image::default())
}

/// Somebody else may have been removed before, or both.
fn removal(of: u8, by: Option<u8>) -> Op {
    Op::RemoveAssignee {
        assignee: Who(of),
        successor: by.map(Who),
    }
}

/// A workload in which a sync fails; it goes on when the store is reopened.
pub(crate) fn failed_sync(seed: u64) -> History {
    let clock = clock();
    let disk = MemoryDisk::recording(&Image::default(), &[]);
    let mut recorder = new_store(&disk, &clock);
    let ops = ops_of(seed, 9);
    let (before, after) = ops.split_at(6);
    for op in before {
        recorder.step(|store, model| apply(store, model, op).unwrap());
    }
    let syncs = 1 + seed / 4 % 2;
    recorder.reader.syncs.store(syncs, Ordering::SeqCst);
    // A command that takes no ids: the model knows what it leaves.
    recorder.step(|store, model| {
        let before = model.clone();
        let saved = save_user(store, model, "Perhaps");
        let Err(error) = saved else { return };
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::CommitUnknown | ErrorKind::Io),
            "{error:?}"
        );
        store.reopen().unwrap();
        if store.commit_seq().unwrap().get() == before.sequence {
            *model = before;
        }
    });
    recorder.reader.syncs.store(u64::MAX, Ordering::SeqCst);
    // The sync that failed may have been that of a checkpoint.
    recorder.step(|store, _| store.reopen().unwrap());
    for op in after {
        recorder.step(|store, model| apply(store, model, op).unwrap());
    }
    recorder.finish(Image::default())
}

/// Another creator of the same file, who comes in the middle of the first one's opening.
struct Rival {
    disk: MemoryDisk,
    clock: ManualClock,
    /// It comes before this call.
    call: u64,
    calls: AtomicU64,
    is_here: AtomicBool,
    /// Where it began and ended a command, where its store opened.
    wrote: Mutex<Option<(usize, usize, Model)>>,
}

impl Gate for Rival {
    fn before(&self, _: Call) -> Fate {
        let now = self.calls.fetch_add(1, Ordering::SeqCst) == self.call;
        if now && !self.is_here.swap(true, Ordering::SeqCst) {
            let mut model = Model::new(&self.clock);
            match on(&self.disk, &self.clock).open(super::path()) {
                Ok(store) => {
                    let begun = self.disk.position();
                    save_user(&store, &mut model, "The rival's").unwrap();
                    let done = self.disk.position();
                    let mut wrote = self.wrote.lock().unwrap_or_else(PoisonError::into_inner);
                    *wrote = Some((begun, done, model));
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Locked, "{error:?}"),
            }
        }
        Fate::Done
    }
}

/// Counts the calls that come, and remembers which one gives the file its name.
#[derive(Default)]
struct Calls(Mutex<(u64, u64)>);

impl Gate for Calls {
    fn before(&self, call: Call) -> Fate {
        let Self(calls) = self;
        let (count, naming) = &mut *calls.lock().unwrap_or_else(PoisonError::into_inner);
        if call == Call::Link {
            *naming = *count;
        }
        *count += 1;
        Fate::Done
    }
}

/// The calls that a creation makes, by number, those about the file's name first.
pub(crate) fn calls_of_creation() -> Vec<u64> {
    let disk = MemoryDisk::default();
    let gate = Arc::new(Calls::default());
    disk.set_gate(Some(gate.clone()));
    on(&disk, &clock()).open(super::path()).unwrap();
    disk.set_gate(None);
    let (count, naming) = *gate.0.lock().unwrap_or_else(PoisonError::into_inner);
    let mut calls: Vec<u64> = (0..count).collect();
    calls.sort_by_key(|call| call.abs_diff(naming + 1));
    calls
}

/// What it leaves is in the model, whether it goes well or not.
fn save_user(store: &Store, model: &mut Model, name: &str) -> Result<()> {
    let user = UserId::new("usr_1").unwrap();
    let saved = store.save_user(&user, name).map(drop);
    let mut draft = model.clone();
    draft.read_clock();
    draft.save_assignee(&user.into(), name.to_owned());
    model.commit(draft);
    saved
}

/// Two creators of one file, the second before the first one's call of this number; both write.
pub(crate) fn race(seed: u64, call: u64) -> History {
    let clock = clock();
    let disk = MemoryDisk::recording(&Image::default(), &[]);
    let rival = Arc::new(Rival {
        disk: disk.clone(),
        clock: clock.clone(),
        call,
        calls: AtomicU64::default(),
        is_here: AtomicBool::default(),
        wrote: Mutex::default(),
    });
    disk.set_gate(Some(rival.clone()));
    let store = on(&disk, &clock).open(super::path());
    disk.set_gate(None);
    let opened = disk.position();
    let mut claims = Claims::default();
    let empty = Model::new(&clock);
    let wrote = rival.wrote.lock().unwrap_or_else(PoisonError::into_inner);
    let mut models = vec![empty.clone()];
    claims.acknowledge(
        0,
        wrote.as_ref().map_or(opened, |(begun, ..)| *begun),
        &empty,
    );
    if let Some((begun, done, model)) = &*wrote {
        claims.begin(*begun, 1);
        claims.acknowledge(*begun, *done, model);
        models.push(model.clone());
    }
    let store = store.expect("the rival has gone, and let the file go");
    let mut recorder = Recorder::new(disk, store, models, claims);
    for op in ops_of(seed, 2) {
        recorder.step(|store, model| apply(store, model, &op).unwrap());
    }
    recorder.finish(Image::default())
}

/// After a power cut: the store recovers, and is written to again.
pub(crate) fn resume_cut(history: &History, crash: &Crash, seed: u64) -> Option<(History, usize)> {
    resume(history, crash.at, crash.image.clone(), &[], seed)
}

/// After the process was killed: the next one finds what the system holds, durable or not.
pub(crate) fn resume_killed(history: &History, at: usize, seed: u64) -> Option<(History, usize)> {
    let (durable, held) = states::killed(history, at);
    resume(history, at, durable, &held, seed)
}

fn resume(
    history: &History,
    at: usize,
    base: Image,
    held: &[Event],
    seed: u64,
) -> Option<(History, usize)> {
    let disk = MemoryDisk::recording(&base, held);
    let clock = history.models.first()?.clock.clone();
    let store = on(&disk, &clock).open(super::path()).ok()?;
    let sequence = store.commit_seq().ok()?.get();
    let mut claims = history.claims.up_to(at);
    let models = history.models.get(..=usize::try_from(sequence).ok()?)?;
    let position = disk.position();
    claims.begin(position, sequence);
    claims.see(position, sequence);
    let mut recorder = Recorder::new(disk, store, models.to_vec(), claims);
    for op in ops_of(seed, 3) {
        recorder.step(|store, model| apply(store, model, &op).unwrap());
    }
    Some((recorder.finish(base), held.len()))
}
