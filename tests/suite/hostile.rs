//! What anybody who sends messages can make the store do: nothing costs more than in proportion to what
//! was sent. The disk's calls are counted, as the store keeps no pages in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use convodb::prelude::*;
use convodb::{Channel, Error, Inbound, ProviderId, Receipt};

use convodb_testkit::fixture::{clock, options};
use convodb_testkit::harness::disk::{Call, Fate, Gate, MemoryDisk};
use convodb_testkit::op::contact;

const STORE: &str = "/inbox.redb";

/// Counts what is read.
#[derive(Default)]
struct Reads(AtomicU64);

impl Gate for Reads {
    fn before(&self, call: Call) -> Fate {
        self.0
            .fetch_add(u64::from(call == Call::Read), Ordering::SeqCst);
        Fate::Done
    }
}

impl Reads {
    /// How often a disk is read.
    fn of(disk: &MemoryDisk, work: impl FnOnce()) -> u64 {
        let reads = Arc::new(Self::default());
        disk.set_gate(Some(Arc::clone(&reads) as Arc<dyn Gate>));
        work();
        disk.set_gate(None);
        reads.0.load(Ordering::SeqCst)
    }
}

fn open(disk: &MemoryDisk) -> Store {
    let options = options(&clock()).checkpoint_commands(1_000_000);
    let options = options.cache_size(0).disk(Arc::new(disk.clone()));
    options.open(STORE).unwrap()
}

fn provider_id(number: u32) -> ProviderId {
    ProviderId::new(&format!("wamid.{number}")).unwrap()
}

/// A closed store with one conversation, whose messages all have one time, as where the provider's
/// clock has seconds only.
fn of_one_second(messages: u32) -> MemoryDisk {
    let disk = MemoryDisk::default();
    let store = open(&disk);
    let second = "2026-04-16T09:00:00Z".parse().unwrap();
    let imported = (0..messages).map(|number| {
        let hello = Inbound::text(contact(1), Channel::Whatsapp, "x".repeat(1_000));
        let hello = hello.provider_time(second);
        hello.provider_id(provider_id(number).as_str())
    });
    let sent: Vec<_> = imported.collect();
    store
        .transaction(|tx| {
            for message in sent {
                tx.receive(message)?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    store.close().unwrap();
    disk
}

/// Four times as much may cost six times as much: a square would be sixteen times.
fn assert_is_linear(reads: impl Fn(u32) -> u64) {
    let (few, many) = (reads(100), reads(400));
    assert!(few > 100, "{few} reads are too few to compare");
    assert!(many <= 6 * few, "{few} reads of a part, {many} of all");
}

#[test]
fn verify_takes_time_in_proportion_where_all_messages_have_one_time() {
    assert_is_linear(|messages| {
        let disk = of_one_second(messages);
        let store = open(&disk);
        Reads::of(&disk, || assert!(store.verify().unwrap().is_clean()))
    });
}

#[test]
fn receipts_take_time_in_proportion_where_all_messages_have_one_time() {
    assert_is_linear(|messages| {
        let disk = of_one_second(messages);
        let store = open(&disk);
        Reads::of(&disk, || read_all(&store, messages))
    });
}

fn read_all(store: &Store, messages: u32) {
    let read = store.transaction(|tx| {
        for number in 0..messages {
            let message = (Channel::Whatsapp, provider_id(number));
            tx.record_delivery(message, Receipt::read())?;
        }
        Ok::<_, Error>(())
    });
    read.unwrap();
}

#[test]
fn recovery_takes_time_in_proportion_where_all_messages_have_one_time() {
    assert_is_linear(|messages| {
        let disk = of_one_second(messages);
        let store = open(&disk);
        let other = Inbound::text(contact(2), Channel::Whatsapp, "the first commit");
        store.receive(other).unwrap();
        read_all(&store, messages);
        let crashed = MemoryDisk::of(disk.image());
        Reads::of(&crashed, || drop(open(&crashed)))
    });
}
