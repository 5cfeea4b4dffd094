//! Failures of one part of a store beside the work of another.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use convodb::prelude::*;
use convodb::{Channel, Filter, Health, Inbound, Options};

use convodb_testkit::fixture::{clock, options};
use convodb_testkit::harness::disk::{Call, Event, Fate, Gate, Image, MemoryDisk};
use convodb_testkit::op::contact;

const STORE: &str = "/inbox.redb";

fn on(disk: &MemoryDisk) -> Options {
    options(&clock()).disk(Arc::new(disk.clone()))
}

fn receive(store: &Store, number: u8, text: &str) -> convodb::Result<()> {
    let inbound = Inbound::text(contact(number), Channel::Whatsapp, text);
    store.receive(inbound).map(drop)
}

fn is_named(name: &str) -> bool {
    thread::current().name() == Some(name)
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(20), "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Holds the first read of the thread `reader` until it is released.
#[derive(Default)]
struct HoldsReader {
    is_reading: AtomicBool,
    is_released: AtomicBool,
}

impl Gate for HoldsReader {
    fn before(&self, call: Call) -> Fate {
        if call == Call::Read && is_named("reader") {
            self.is_reading.store(true, Ordering::SeqCst);
            wait_until("released", || self.is_released.load(Ordering::SeqCst));
        }
        Fate::Done
    }
}

#[test]
fn a_store_is_closed_and_reopened_beside_a_read_of_a_damaged_page() {
    let disk = MemoryDisk::default();
    let store = on(&disk).open(STORE).unwrap();
    for number in 0..40 {
        receive(&store, number, &"long ".repeat(500)).unwrap();
    }
    let id = store.list(&Filter::all(), (1, 20)).unwrap().data[7].id;
    store.compact().unwrap();
    store.close().unwrap();
    let image = disk.image();
    let file = image.names[Path::new(STORE)];
    let text = image.files[file]
        .windows(50)
        .enumerate()
        .filter(|(_, bytes)| bytes.starts_with(b"long long long "))
        .map(|(at, _)| at)
        .collect::<Vec<_>>();
    let mut image = image;
    let mut bytes = image.files[file].to_vec();
    for at in text.iter().step_by(700) {
        bytes[*at] ^= 1;
    }
    image.files[file] = Arc::new(bytes);

    for closes in [true, false] {
        let disk = MemoryDisk::of(image.clone());
        let store = on(&disk).open(STORE).unwrap();
        let gate = Arc::new(HoldsReader::default());
        disk.set_gate(Some(gate.clone()));
        let reads = store.clone();
        let reader = thread::Builder::new().name("reader".to_owned());
        let reader = reader
            .spawn(move || reads.transcript(id).map(drop))
            .unwrap();
        wait_until("reading", || gate.is_reading.load(Ordering::SeqCst));
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            done.send(match closes {
                true => store.close(),
                false => store.reopen(),
            })
        });
        thread::sleep(Duration::from_millis(100));
        gate.is_released.store(true, Ordering::SeqCst);
        let closed = is_done.recv_timeout(Duration::from_secs(10));
        closed.expect("it waits for no reader").unwrap();
        println!("{:?}", reader.join().unwrap());
    }
}

/// Refuses the first sync of names behind a rename.
#[derive(Default)]
struct RefusesNames(AtomicU64);

impl Gate for RefusesNames {
    fn before(&self, call: Call) -> Fate {
        match call {
            Call::Rename => {
                self.0.store(1, Ordering::SeqCst);
                Fate::Done
            }
            Call::SyncNames if self.0.swap(0, Ordering::SeqCst) == 1 => {
                Fate::Refused(io::ErrorKind::Other)
            }
            _ => Fate::Done,
        }
    }
}

#[test]
fn a_store_whose_packed_copy_may_have_its_name_can_be_reopened() {
    let disk = MemoryDisk::default();
    let store = on(&disk).open(STORE).unwrap();
    for number in 0..10 {
        receive(&store, number, "Hello").unwrap();
    }
    disk.set_gate(Some(Arc::new(RefusesNames::default())));
    println!("{}", store.compact().unwrap_err());
    assert!(matches!(store.health(), Health::ReadOnly(_)));
    assert_eq!(store.count(&Filter::all()).unwrap(), 10);
    store.reopen().unwrap();
    receive(&store, 11, "Hello").unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 11);
}

/// Refuses what a checkpoint writes, after a while.
struct Refuses {
    kind: io::ErrorKind,
    after: Duration,
    refused: AtomicU64,
}

impl Gate for Refuses {
    fn before(&self, call: Call) -> Fate {
        if matches!(call, Call::Write { .. }) && is_named("convodb-checkpoint") {
            thread::sleep(self.after);
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Fate::Refused(self.kind);
        }
        Fate::Done
    }
}

fn refuses(disk: &MemoryDisk, kind: io::ErrorKind, after: u64) -> Arc<Refuses> {
    let after = Duration::from_millis(after);
    let gate = Arc::new(Refuses {
        kind,
        after,
        refused: AtomicU64::new(0),
    });
    disk.set_gate(Some(gate.clone()));
    gate
}

#[test]
fn a_checkpoint_that_failed_between_commands_is_returned_too() {
    let disk = MemoryDisk::default();
    let store = on(&disk).open(STORE).unwrap();
    let gate = refuses(&disk, io::ErrorKind::Other, 0);
    let mut since = 0;
    for number in 0..20 {
        if receive(&store, number, "Hello").is_err() {
            break;
        }
        if gate.refused.load(Ordering::SeqCst) > 0 {
            since += 1;
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert!(since <= 1, "{since} commands after it failed");
    assert!(matches!(store.health(), Health::ReadOnly(_)));
}

#[test]
fn a_full_disk_is_tried_once_a_second_and_ends_no_snapshot_meanwhile() {
    let disk = MemoryDisk::default();
    let store = on(&disk).open(STORE).unwrap();
    let gate = refuses(&disk, io::ErrorKind::StorageFull, 0);
    let since = Instant::now();
    for number in 0..30 {
        receive(&store, number, "Hello").unwrap();
        thread::sleep(Duration::from_millis(5));
    }
    let most = since.elapsed().as_secs() + 2;
    let refused = gate.refused.load(Ordering::SeqCst);
    assert!(refused <= most, "{refused} times in {most} s");
    disk.set_gate(None);
    store.close().unwrap();
}

#[test]
fn a_compaction_beside_a_checkpoint_that_fails_leaves_the_store_readable() {
    let disk = MemoryDisk::default();
    let store = on(&disk).open(STORE).unwrap();
    for number in 0..40 {
        receive(&store, number, &"long ".repeat(500)).unwrap();
    }
    store.await_checkpoint().unwrap();
    let gate = refuses(&disk, io::ErrorKind::StorageFull, 200);
    for number in 0..5 {
        receive(&store, number, "Hello").unwrap();
    }
    let compacted = store.compact();
    assert!(gate.refused.load(Ordering::SeqCst) > 0);
    for conversation in store.list(&Filter::all(), (1, 40)).unwrap().data {
        store.transcript(conversation.id).unwrap();
    }
    compacted.unwrap();
    disk.set_gate(None);
    assert_eq!(store.count(&Filter::all()).unwrap(), 40);
    assert!(store.verify().unwrap().is_clean());
}
/// The sync of blocks of the log that are filled with zeros fails, with pages of a checkpoint written
/// and not synced: the system reports that to one sync alone.
#[derive(Default)]
struct Loses {
    is_filling: AtomicBool,
    has_pages: AtomicBool,
    is_written: AtomicBool,
    is_lost: AtomicBool,
}

impl Gate for Loses {
    fn before(&self, call: Call) -> Fate {
        let is = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        if is_named("convodb-checkpoint") {
            match call {
                Call::Write { len, .. } => {
                    wait_until("filling", || is(&self.is_filling));
                    self.has_pages.fetch_or(len >= 4096, Ordering::SeqCst);
                }
                Call::Sync if is(&self.has_pages) && !is(&self.is_lost) => {
                    self.is_written.store(true, Ordering::SeqCst);
                    wait_until("lost", || is(&self.is_lost));
                    thread::sleep(Duration::from_millis(50));
                }
                _ => {}
            }
            return Fate::Done;
        }
        match call {
            Call::Write { len: 65_536, .. } => self.is_filling.store(true, Ordering::SeqCst),
            Call::Sync if is(&self.is_filling) && !is(&self.is_lost) => {
                wait_until("written", || is(&self.is_written));
                self.is_lost.store(true, Ordering::SeqCst);
                return Fate::Half(io::ErrorKind::Other);
            }
            _ => {}
        }
        Fate::Done
    }
}

/// What a power cut leaves, of one file, where nothing is kept that was not synced.
fn after_a_power_cut(base: &Image, trace: &[Event]) -> Image {
    let (mut image, mut since) = (base.clone(), Vec::new());
    for event in trace {
        match event {
            Event::Write { .. } | Event::SetLen { .. } => since.push(event),
            Event::Sync { .. } => since.drain(..).for_each(|event| image.apply(event)),
            Event::Forget { .. } => since.clear(),
            other => image.apply(other),
        }
    }
    image
}

#[test]
fn a_sync_that_fails_beside_a_checkpoint_loses_nothing_that_was_acknowledged() {
    let first = MemoryDisk::default();
    let opened = |disk: &MemoryDisk| {
        on(disk)
            .wal_size(4 << 20)
            .checkpoint_commands(20)
            .open(STORE)
    };
    opened(&first).unwrap().close().unwrap();
    let base = first.image();
    let disk = MemoryDisk::recording(&base, &[]);
    let store = opened(&disk).unwrap();
    receive(&store, 0, "It fills the first blocks.").unwrap();
    disk.set_gate(Some(Arc::new(Loses::default())));
    let mut acknowledged = 1;
    for number in 1..70 {
        let text = "x".repeat(if number < 20 { 100 } else { 60_000 });
        match receive(&store, number % 7, &text) {
            Ok(()) => acknowledged += 1,
            Err(error) => {
                println!("{number}: {error}");
                break;
            }
        }
    }
    let _ = store.await_checkpoint();
    let left = MemoryDisk::of(after_a_power_cut(&base, &disk.trace()));
    let messages = opened(&left).unwrap().stats().unwrap().messages;
    assert!(messages >= acknowledged, "{messages} of {acknowledged}");
    store.reopen().unwrap();
    assert!(store.stats().unwrap().messages >= acknowledged);
}
