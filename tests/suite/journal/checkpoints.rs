//! Checkpoints, and the durability of commits beside them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use std::{io, thread};

use convodb::prelude::*;
use convodb::{Channel, Durability, ErrorKind, Filter, Options, Outbound, Receipt};

use super::{STORE, crashed, journal, open, places, receive, refused, reopened, with_journal};
use convodb_testkit::fixture::{clock, options};
use convodb_testkit::harness::disk::{Call, Fate, Gate, MemoryDisk};
use convodb_testkit::op::contact;

#[test]
fn relaxed_commands_are_seen_at_once_and_durable_soon_or_when_asked() {
    let disk = MemoryDisk::default();
    let syncs = Arc::new(Syncs::default());
    let store = Options::new()
        .durability(Durability::Relaxed)
        .disk(Arc::new(disk.clone()))
        .open(STORE)
        .unwrap();
    receive(&store, 1, "The first makes the journal.").unwrap();
    store.flush().unwrap();
    disk.set_gate(Some(syncs.clone()));
    for number in 2..20 {
        receive(&store, number, "Hello").unwrap();
    }
    assert_eq!(store.count(&Filter::all()).unwrap(), 19);
    store.flush().unwrap();
    let flushed = syncs.0.load(Ordering::SeqCst);
    assert!((1..18).contains(&flushed), "{flushed}");
    store.flush().unwrap();
    assert_eq!(syncs.0.load(Ordering::SeqCst), flushed, "nothing to sync");

    receive(&store, 20, "Hello").unwrap();
    let since = Instant::now();
    while syncs.0.load(Ordering::SeqCst) == flushed {
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "it is never synced"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    disk.set_gate(None);
    assert_eq!(reopened(disk.image()).unwrap(), 20);
}

/// Counts syncs of files.
#[derive(Default)]
struct Syncs(AtomicU64);

impl Gate for Syncs {
    fn before(&self, call: Call) -> Fate {
        if call == Call::Sync {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        Fate::Done
    }
}

/// A disk on which nothing can grow, while it is so.
#[derive(Default)]
struct Full(AtomicBool);

impl Gate for Full {
    fn before(&self, call: Call) -> Fate {
        let full = self.0.load(Ordering::SeqCst);
        match call {
            Call::Create => {}
            Call::SetLen { len, now } if len > now => {}
            Call::Write { .. } | Call::Sync => {}
            _ => return Fate::Done,
        }
        if full {
            Fate::Refused(io::ErrorKind::StorageFull)
        } else {
            Fate::Done
        }
    }
}

#[test]
fn what_the_journal_holds_and_the_file_cannot_take_is_there_once_it_can() {
    let disk = MemoryDisk::of(crashed(6));
    let full = Arc::new(Full::default());
    full.0.store(true, Ordering::SeqCst);
    disk.set_gate(Some(full.clone()));
    for _ in 0..3 {
        let error = open(&disk).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    }
    full.0.store(false, Ordering::SeqCst);
    assert_eq!(open(&disk).unwrap().stats().unwrap().messages, 6);
}

#[test]
fn a_journal_that_cannot_be_made_refuses_the_command_and_nothing_else() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    let full = Arc::new(Full::default());
    disk.set_gate(Some(full.clone()));
    full.0.store(true, Ordering::SeqCst);
    let error = receive(&store, 1, "Hello").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(store.count(&Filter::all()).unwrap(), 0);
    full.0.store(false, Ordering::SeqCst);
    store.reopen().unwrap();
    receive(&store, 1, "Hello").unwrap();
    assert_eq!(reopened(disk.image()).unwrap(), 1);
}

#[test]
fn a_transaction_that_says_little_and_changes_much_is_written_through() {
    let disk = MemoryDisk::default();
    // So that no checkpoint takes it.
    let options = options(&clock()).checkpoint_commands(u64::MAX);
    let store = options.disk(Arc::new(disk.clone())).open(STORE).unwrap();
    let sent = store
        .transaction(|tx| {
            let long = || Outbound::text(contact(1), Channel::Whatsapp, "long ".repeat(12_000));
            let sent = (0..200).map(|_| Ok(tx.send(long())?.value));
            sent.collect::<convodb::Result<Vec<_>>>()
        })
        .unwrap();
    receive(&store, 2, "Hello").unwrap();
    assert!(store.stats().unwrap().journal_bytes > 0);
    store
        .transaction(|tx| {
            for message in &sent {
                tx.record_delivery(message, Receipt::delivered())?;
            }
            Ok::<_, convodb::Error>(())
        })
        .unwrap();
    assert_eq!(store.stats().unwrap().journal_bytes, 0);
    assert_eq!(reopened(disk.image()).unwrap(), 201);
}

fn is_checkpoint() -> bool {
    thread::current().name() == Some("convodb-checkpoint")
}

/// A disk that takes nothing from a checkpoint, while it is so.
#[derive(Default)]
struct Fails(AtomicBool);

impl Gate for Fails {
    fn before(&self, call: Call) -> Fate {
        let writes = matches!(call, Call::Write { .. } | Call::Sync);
        if writes && is_checkpoint() && self.0.load(Ordering::SeqCst) {
            return Fate::Refused(io::ErrorKind::StorageFull);
        }
        Fate::Done
    }
}

#[test]
fn a_checkpoint_that_fails_is_returned_to_a_command_and_loses_nothing() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    let fails = Arc::new(Fails::default());
    disk.set_gate(Some(fails.clone()));
    fails.0.store(true, Ordering::SeqCst);
    let refused = (0..)
        .map(|number| receive(&store, number % 7, "Hello"))
        .enumerate()
        .find_map(|(number, received)| Some((number as u64, received.err()?)));
    let (acknowledged, error) = refused.unwrap();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(acknowledged > 5);
    let error = receive(&store, 1, "Hello").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NeedsReopen, "{error}");
    let messages = |store: &Store| store.stats().unwrap().messages;
    assert_eq!(messages(&store), acknowledged, "reading goes on");
    assert_eq!(reopened(disk.image()).unwrap(), acknowledged);
    fails.0.store(false, Ordering::SeqCst);
    store.reopen().unwrap();
    assert_eq!(messages(&store), acknowledged);
    receive(&store, 1, "Hello").unwrap();
    assert_eq!(reopened(disk.image()).unwrap(), acknowledged + 1);
}

/// Holds a checkpoint before it writes anything, until it is released.
#[derive(Default)]
struct Holds {
    released: Mutex<bool>,
    changed: Condvar,
}

impl Holds {
    fn release(&self) {
        *self.released.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

impl Gate for Holds {
    fn before(&self, call: Call) -> Fate {
        if is_checkpoint() && matches!(call, Call::Write { .. } | Call::Sync | Call::SetLen { .. })
        {
            let released = self.released.lock().unwrap();
            drop(self.changed.wait_while(released, |released| !*released));
        }
        Fate::Done
    }
}

#[test]
fn commands_beside_a_checkpoint_are_in_the_next_generation_and_both_count() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    let holds = Arc::new(Holds::default());
    disk.set_gate(Some(holds.clone()));
    // The first makes the journal, five make a checkpoint due, three come beside it.
    for number in 0..9 {
        receive(&store, number, "Hello").unwrap();
    }
    assert_eq!(store.stats().unwrap().journal_commands, 8);
    let image = disk.image();
    assert_eq!(reopened(image.clone()).unwrap(), 9);

    let bytes = journal(&image);
    let places = places(&bytes);
    let damaged = |place: usize| {
        let mut bytes = bytes.clone();
        bytes[places[place] + 50] ^= 1;
        with_journal(image.clone(), Some(bytes))
    };
    assert_eq!(places.len(), 8);
    assert!(places[4] < 4_096 + 65_536 && places[5] >= 4_096 + 65_536);
    for place in 0..7 {
        assert_eq!(refused(damaged(place)), ErrorKind::Corrupted, "{place}");
    }
    assert_eq!(reopened(damaged(7)).unwrap(), 8, "as a torn end");

    holds.release();
    store.await_checkpoint().unwrap();
    assert_eq!(store.stats().unwrap().journal_commands, 3);
    let image = disk.image();
    assert_eq!(reopened(image.clone()).unwrap(), 9);
    // What the file holds may be damaged in the journal.
    let mut bytes = journal(&image);
    bytes[4_096..4_096 + 65_536].fill(0xFF);
    assert_eq!(reopened(with_journal(image, Some(bytes))).unwrap(), 9);
}

#[test]
fn what_is_written_through_waits_for_the_checkpoint_that_has_just_begun() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    for number in 0..60 {
        for _ in 0..5 {
            receive(&store, number % 7, "Hello").unwrap();
        }
        assert!(store.repair().unwrap().is_clean());
    }
    assert_eq!(reopened(disk.image()).unwrap(), 300);
}

/// Refuses to take a name away, once.
#[derive(Default)]
struct Keeps(AtomicBool);

impl Gate for Keeps {
    fn before(&self, call: Call) -> Fate {
        if call == Call::Remove && !self.0.swap(true, Ordering::SeqCst) {
            return Fate::Refused(io::ErrorKind::PermissionDenied);
        }
        Fate::Done
    }
}

#[test]
fn a_compaction_whose_journal_stays_is_an_error_until_the_store_is_reopened() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    for number in 0..3 {
        receive(&store, number, "Hello").unwrap();
    }
    disk.set_gate(Some(Arc::new(Keeps::default())));
    assert_eq!(store.compact().unwrap_err().kind(), ErrorKind::Io);
    let refused = receive(&store, 4, "Hello").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NeedsReopen, "{refused}");
    assert_eq!(store.count(&Filter::all()).unwrap(), 3, "reading goes on");
    store.reopen().unwrap();
    receive(&store, 4, "Hello").unwrap();
    assert_eq!(reopened(disk.image()).unwrap(), 4);
}
