//! Checkpoints, and the durability of commits beside them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use std::{io, thread};

use convodb::prelude::*;
use convodb::{Channel, Durability, ErrorKind, Filter, Health, Options, Outbound, Receipt};

use super::{STORE, log, open, places, receive, refused, reopened, with_log};
use convodb_testkit::fixture::{WAL_BYTES, clock, options};
use convodb_testkit::harness::disk::{Call, Fate, Gate, MemoryDisk};
use convodb_testkit::op::contact;

#[test]
fn commands_of_an_interval_are_seen_at_once_and_durable_soon_or_when_asked() {
    let disk = MemoryDisk::default();
    let syncs = Arc::new(Syncs::default());
    let store = Options::new()
        .durability(Durability::Interval(Duration::from_millis(50)))
        .wal_size(WAL_BYTES)
        .disk(Arc::new(disk.clone()))
        .open(STORE)
        .unwrap();
    receive(&store, 1, "The first marks the file as open.").unwrap();
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

/// A disk of one file, which takes no new file and no block that was not written before, while it is
/// full.
#[derive(Default)]
struct Full(AtomicBool, Mutex<BTreeSet<u64>>);

impl Gate for Full {
    fn before(&self, call: Call) -> Fate {
        let is_full = self.0.load(Ordering::SeqCst);
        let grows = match call {
            Call::Create => true,
            Call::Write { offset, len } => {
                let mut written = self.1.lock().unwrap();
                let mut blocks = offset / 4096..(offset + len as u64).div_ceil(4096);
                let grows = blocks.clone().any(|block| !written.contains(&block));
                if !is_full {
                    written.extend(&mut blocks);
                }
                grows
            }
            _ => false,
        };
        match grows && is_full {
            true => Fate::Refused(io::ErrorKind::StorageFull),
            false => Fate::Done,
        }
    }
}

#[test]
fn a_full_disk_refuses_commands_once_the_log_is_full_and_nothing_else() {
    let disk = MemoryDisk::default();
    let full = Arc::new(Full::default());
    disk.set_gate(Some(full.clone()));
    let store = open(&disk).unwrap();
    for number in 0..200 {
        receive(&store, number % 7, "Hello").unwrap();
    }
    full.0.store(true, Ordering::SeqCst);
    let long = "long ".repeat(400);
    let mut acknowledged = 200;
    let refused = loop {
        match receive(&store, 1, &long) {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::StorageFull, "{refused}");
    assert!(acknowledged > 230, "the log takes commands: {acknowledged}");
    let messages = |store: &Store| store.stats().unwrap().messages;
    for _ in 0..20 {
        let refused = receive(&store, 1, &long).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::StorageFull, "{refused}");
        assert_eq!(store.count(&Filter::all()).unwrap(), 7, "reading goes on");
        assert_eq!(messages(&store), acknowledged);
    }
    assert!(matches!(store.health(), Health::Healthy));

    // A killed process, and a disk that is full still.
    for read_only in [true, false] {
        let left = MemoryDisk::of(disk.image());
        left.set_gate(Some(full.clone()));
        let options = options(&clock()).read_only(read_only);
        let store = options.disk(Arc::new(left.clone())).open(STORE).unwrap();
        assert_eq!(messages(&store), acknowledged);
        assert!(store.verify().unwrap().is_clean());
        assert!(receive(&store, 1, &long).is_err());
    }

    full.0.store(false, Ordering::SeqCst);
    let since = Instant::now();
    while receive(&store, 1, &long).is_err() {
        assert!(since.elapsed() < Duration::from_secs(60), "it stays full");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(messages(&store), acknowledged + 1);
    assert!(store.verify().unwrap().is_clean());
    assert_eq!(reopened(disk.image()).unwrap(), acknowledged + 1);
}

/// A disk whose syncs fail while it is so, and which can be full.
#[derive(Default)]
struct Unsynced {
    fails: AtomicBool,
    full: Full,
}

impl Gate for Unsynced {
    fn before(&self, call: Call) -> Fate {
        match call {
            Call::Sync if self.fails.load(Ordering::SeqCst) => Fate::Half(io::ErrorKind::Other),
            call => self.full.before(call),
        }
    }
}

#[test]
fn a_store_whose_sync_failed_is_reopened_on_a_full_disk() {
    let disk = MemoryDisk::default();
    let unsynced = Arc::new(Unsynced::default());
    disk.set_gate(Some(unsynced.clone()));
    // Most of the log is a hole.
    let options = options(&clock()).wal_size(4 << 20);
    let options = options.checkpoint_commands(u64::MAX);
    let store = options.disk(Arc::new(disk.clone())).open(STORE).unwrap();
    for number in 0..20 {
        receive(&store, number, "Hello").unwrap();
    }
    unsynced.fails.store(true, Ordering::SeqCst);
    let error = receive(&store, 20, "Hello").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CommitUnknown, "{error}");
    unsynced.fails.store(false, Ordering::SeqCst);
    unsynced.full.0.store(true, Ordering::SeqCst);
    store.reopen().unwrap();
    assert!(matches!(store.health(), Health::Healthy));
    assert_eq!(store.stats().unwrap().messages, 21);
    receive(&store, 21, "Hello").unwrap();
    assert_eq!(reopened(disk.image()).unwrap(), 22);
}

#[test]
fn what_no_log_can_hold_is_refused_by_a_full_disk_and_nothing_of_it_is_written() {
    let disk = MemoryDisk::default();
    let full = Arc::new(Full::default());
    disk.set_gate(Some(full.clone()));
    let store = open(&disk).unwrap();
    receive(&store, 1, "Hello").unwrap();
    let send_all = || {
        store.transaction(|tx| {
            for _ in 0..40 {
                let text = "x".repeat(60_000);
                tx.send(Outbound::text(contact(3), Channel::Whatsapp, text))?;
            }
            Ok::<_, convodb::Error>(())
        })
    };
    full.0.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let refused = send_all().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::StorageFull, "{refused}");
        assert_eq!(store.count(&Filter::all()).unwrap(), 1);
        receive(&store, 1, "The log has room.").unwrap();
    }
    full.0.store(false, Ordering::SeqCst);
    send_all().unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 2);
    assert_eq!(reopened(disk.image()).unwrap(), 44);
}

/// A disk of which the call of a number does half of what it should, and fails.
struct HalfOf(AtomicU64);

impl Gate for HalfOf {
    fn before(&self, _: Call) -> Fate {
        match self.0.fetch_sub(1, Ordering::SeqCst) {
            0 => Fate::Half(io::ErrorKind::Other),
            _ => Fate::Done,
        }
    }
}

#[test]
fn a_commit_of_unknown_outcome_is_not_read_before_the_store_is_reopened() {
    let mut unknown = 0;
    for number in 0.. {
        let disk = MemoryDisk::default();
        // The cache is so small that snapshots have to read the file. No checkpoint calls the disk.
        let options = options(&clock()).checkpoint_commands(u64::MAX);
        let options = options.cache_size(64 << 10);
        let store = options.disk(Arc::new(disk.clone())).open(STORE).unwrap();
        let id = receive(&store, 1, "Hello").unwrap();
        for _ in 0..10 {
            receive(&store, 1, &"long ".repeat(12_000)).unwrap();
        }
        let [written, note] = ["Written", "A note"].map(|text| store.add_note(id, text).unwrap());
        store.remove_note(id, written.value.id).unwrap();
        disk.set_gate(Some(Arc::new(HalfOf(AtomicU64::new(number)))));
        let Err(error) = store.remove_note(id, note.value.id) else {
            break;
        };
        if error.kind() == ErrorKind::CommitUnknown {
            unknown += 1;
            for _ in 0..3 {
                // It reads so much that the cache keeps nothing of the last snapshot.
                assert!(store.stats().map_or(true, |stats| stats.notes == 1));
                match store.notes(id) {
                    Ok(notes) => assert_eq!(notes.count(), 1, "call {number}: {error}"),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::NeedsReopen),
                }
            }
        }
        disk.set_gate(None);
        store.reopen().unwrap();
        assert!(store.verify().unwrap().is_clean());
    }
    assert!(unknown > 0);
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
    assert!(store.stats().unwrap().wal_bytes > 0);
    store
        .transaction(|tx| {
            for message in &sent {
                tx.record_delivery(message, Receipt::delivered())?;
            }
            Ok::<_, convodb::Error>(())
        })
        .unwrap();
    assert_eq!(store.stats().unwrap().wal_bytes, 0);
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
            return Fate::Refused(io::ErrorKind::Other);
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
    let mut acknowledged = 0;
    let error = loop {
        match receive(&store, (acknowledged % 7) as u8, "Hello") {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(acknowledged >= 5);
    let error = receive(&store, 1, "Hello").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NeedsReopen, "{error}");
    assert!(matches!(store.health(), Health::ReadOnly(_)));
    let messages = |store: &Store| store.stats().unwrap().messages;
    assert_eq!(messages(&store), acknowledged, "reading goes on");
    assert_eq!(reopened(disk.image()).unwrap(), acknowledged);
    fails.0.store(false, Ordering::SeqCst);
    store.reopen().unwrap();
    assert!(matches!(store.health(), Health::Healthy));
    assert_eq!(messages(&store), acknowledged);
    receive(&store, 1, "Hello").unwrap();
    assert_eq!(reopened(disk.image()).unwrap(), acknowledged + 1);
}

#[test]
fn an_idle_store_is_checkpointed() {
    let disk = MemoryDisk::default();
    let options = options(&clock()).checkpoint_after(Duration::from_millis(10));
    let store = options.disk(Arc::new(disk.clone())).open(STORE).unwrap();
    for number in 0..3 {
        receive(&store, number, "Hello").unwrap();
    }
    let since = Instant::now();
    while store.stats().unwrap().wal_bytes > 0 {
        assert!(since.elapsed() < Duration::from_secs(60), "it is idle");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(reopened(disk.image()).unwrap(), 3);
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
fn commands_beside_a_checkpoint_are_recovered_whether_it_ended_or_not() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    let holds = Arc::new(Holds::default());
    disk.set_gate(Some(holds.clone()));
    // Five make a checkpoint due, three come beside it.
    for number in 0..8 {
        receive(&store, number, "Hello").unwrap();
    }
    assert_eq!(store.stats().unwrap().wal_commands, 8);
    let image = disk.image();
    assert_eq!(reopened(image.clone()).unwrap(), 8);

    let bytes = log(&image);
    let places = places(&bytes);
    let damaged = |place: usize| {
        let mut bytes = bytes.clone();
        bytes[places[place] + 40] ^= 1;
        with_log(image.clone(), &bytes)
    };
    assert_eq!(places.len(), 9);
    for place in 0..7 {
        assert_eq!(refused(damaged(place)), ErrorKind::Corrupted, "{place}");
    }
    assert_eq!(reopened(damaged(7)).unwrap(), 7, "as a torn end");

    holds.release();
    store.await_checkpoint().unwrap();
    assert_eq!(store.stats().unwrap().wal_commands, 3);
    let image = disk.image();
    assert_eq!(reopened(image.clone()).unwrap(), 8);
    // Damage to records that the checkpoint contains is harmless.
    let mut bytes = log(&image);
    bytes[..places[5]].fill(0xFF);
    assert_eq!(reopened(with_log(image, &bytes)).unwrap(), 8);

    store.checkpoint().unwrap();
    assert_eq!(store.stats().unwrap().wal_commands, 0);
    let mut bytes = log(&disk.image());
    bytes.fill(0xFF);
    assert_eq!(reopened(with_log(disk.image(), &bytes)).unwrap(), 8);
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

/// Holds a checkpoint until it is released, and has no room for it then.
#[derive(Default)]
struct HoldsThenFull(Holds);

impl Gate for HoldsThenFull {
    fn before(&self, call: Call) -> Fate {
        let held = self.0.before(call);
        match call {
            Call::Write { .. } if is_checkpoint() => Fate::Refused(io::ErrorKind::StorageFull),
            _ => held,
        }
    }
}

#[test]
fn a_transaction_beside_a_checkpoint_that_fails_can_be_run_again() {
    let disk = MemoryDisk::default();
    let options = options(&clock()).cache_size(0);
    let store = options.disk(Arc::new(disk.clone())).open(STORE).unwrap();
    let ids: Vec<_> = (0..40)
        .map(|number| receive(&store, number, "Hello").unwrap())
        .collect();
    store.checkpoint().unwrap();
    let gate = Arc::new(HoldsThenFull::default());
    disk.set_gate(Some(gate.clone()));
    for number in 40..50 {
        receive(&store, number, "Hello").unwrap();
    }
    let since = Instant::now();
    let error = store.transaction(|tx| -> convodb::Result<()> {
        tx.reply(ids[0], "A reply")?;
        gate.0.release();
        let read = loop {
            assert!(since.elapsed() < Duration::from_secs(60), "nothing fails");
            let mut read = ids.iter().map(|id| tx.transcript(*id));
            if let Some(error) = read.find_map(Result::err) {
                break error;
            }
        };
        assert_eq!(read.kind(), ErrorKind::Aborted, "{read}");
        // Caught, it aborts all the same.
        Ok(())
    });
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Aborted, "{error}");
    assert!(error.is_retryable() && error.is_unchanged());
    assert!(matches!(store.health(), Health::Healthy));
    let replied = store.transaction(|tx| {
        tx.transcript(ids[1])?;
        tx.reply(ids[0], "A reply")
    });
    assert!(replied.unwrap().effect.changed);
    assert_eq!(store.stats().unwrap().messages, 51);
}
