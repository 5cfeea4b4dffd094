//! Conversations of a removed assignee are stored under the successor in the background, through crashes
//! and failures, and in copies too. [`rules`](crate::rules) tests that the successor shows at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb::prelude::*;
use convodb::testing::reassign_now;
use convodb::{
    AssigneeId, Channel, Clock, ContactId, Conversation, ConversationId, ErrorKind, EventSeq,
    Filter, Import, Inbound, Options, PageRequest, UserId,
};

use crate::rules::inbox::time;
use convodb_testkit::harness::disk::{Call, Fate, Gate, MemoryDisk};

#[test]
fn a_store_with_conversations_to_reassign_is_copied_compacted_repaired_and_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let by_hand = || Options::new().reassign_by_hand();
    let store = by_hand().open(&path).unwrap();
    let (alice, bob) = (UserId::new("usr_a").unwrap(), UserId::new("usr_b").unwrap());
    store.save_user(&alice, "Alice").unwrap();
    store.save_user(&bob, "Bob").unwrap();
    let (alice, bob) = (AssigneeId::from(alice), AssigneeId::from(bob));
    for number in 0..6 {
        let contact = ContactId::new(&format!("con_{number}")).unwrap();
        let hello = store.receive(Inbound::text(contact, Channel::Webchat, "Hello"));
        let id = hello.unwrap().value.conversation_id;
        store.assign(id, &alice).unwrap();
    }
    store.remove_assignee(&alice, Some(&bob)).unwrap();
    assert_eq!(reassign_now(&store, 2).unwrap().len(), 2);
    let of_bob = Filter::open().assigned_to(&bob);
    let page = |store: &Store| store.list(&of_bob, PageRequest::default()).unwrap();
    let showed = page(&store);
    let check = |store: &Store| {
        assert_eq!(page(store), showed);
        assert_eq!(store.stats().unwrap().to_reassign, 4);
        assert!(store.verify().unwrap().is_clean());
    };
    check(&store);
    assert!(store.repair().unwrap().is_clean());
    check(&store);
    store.compact().unwrap();
    check(&store);
    store.reopen().unwrap();
    check(&store);
    let copy = directory.path().join("copy.redb");
    store.backup(&copy).unwrap();
    store.close().unwrap();
    check(&by_hand().open(&path).unwrap());
    check(&by_hand().open(&copy).unwrap());

    // By default the next opening continues. Of 18 and 6 events the last one is the 24th.
    let store = Options::new().open(&copy).unwrap();
    assert!(is_reassigned(&store, 24));
    assert_eq!(page(&store), showed);
    assert!(store.verify().unwrap().is_clean());
}

/// Waits until nothing is left to reassign. The last event has this number.
fn is_reassigned(store: &Store, last: u64) -> bool {
    loop {
        let newest = store.stats().unwrap().newest_event;
        if newest.get() == last {
            return store.stats().unwrap().to_reassign == 0;
        }
        let more = store.wait_for_events(newest, Duration::from_secs(60));
        assert!(more.unwrap(), "{newest} of {last} events after a minute");
    }
}

/// A store in memory with this many conversations of the first of two users.
fn busy(options: Options, count: u16) -> (Store, [AssigneeId; 2]) {
    fill(options.open_in_memory().unwrap(), count)
}

fn fill(store: Store, count: u16) -> (Store, [AssigneeId; 2]) {
    let users = ["usr_a", "usr_b"].map(|id| UserId::new(id).unwrap());
    for user in &users {
        store.save_user(user, "Name").unwrap();
    }
    let [alice, bob] = users.map(AssigneeId::from);
    let at = time("2026-04-16T09:00:00Z");
    let imports = (0..count).map(|number| {
        let id = ConversationId::from_parts(1_600_000_000_000, number.into());
        let contact = ContactId::new(&format!("con_{number}")).unwrap();
        let mut conversation = Conversation::new(id, contact, Channel::Webchat, at);
        conversation.assigned_to = store.assignee(&alice).ok();
        Import::new(conversation, Vec::new())
    });
    store.import_all(imports).unwrap();
    (store, [alice, bob])
}

#[test]
fn a_few_conversations_are_reassigned_by_the_removal_itself() {
    let (store, [alice, bob]) = busy(Options::new(), 50);
    let removed = store.remove_assignee(&alice, Some(&bob)).unwrap();
    assert_eq!(removed.value, 50);
    let stats = store.stats().unwrap();
    assert_eq!((stats.to_reassign, stats.newest_event.get()), (0, 100));
    assert_eq!(Some(stats.commit_seq), removed.commit);
    let event = &store.events(EventSeq::new(99), 1).unwrap()[0];
    assert_eq!(event.effective_at, Some(event.at));
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn many_conversations_are_reassigned_in_the_background_between_other_commands() {
    let (store, [alice, bob]) = busy(Options::new(), 1_000);
    let removed = store.remove_assignee(&alice, Some(&bob));
    assert_eq!(removed.unwrap().value, 1_000);
    let of_bob = Filter::all().assigned_to(&bob);
    for number in 0..50 {
        assert_eq!(store.count(&of_bob).unwrap(), 1_000);
        let id = ConversationId::from_parts(1_600_000_000_000, number * 20);
        store.resolve(id).unwrap();
    }
    assert!(is_reassigned(&store, 2_050));
    assert_eq!(store.count(&of_bob).unwrap(), 1_000);
    // Another removal starts the thread again.
    store.remove_assignee(&bob, None).unwrap();
    assert!(is_reassigned(&store, 3_050));
    let events = store.events(EventSeq::ZERO, usize::MAX).unwrap();
    assert!(events.iter().map(|event| event.seq.get()).eq(1..=3_050));
    assert!(store.verify().unwrap().is_clean());
}

/// A clock that panics on the thread that reassigns, until it is repaired.
#[derive(Clone, Debug, Default)]
struct Fragile {
    asked: Arc<AtomicBool>,
    repaired: Arc<AtomicBool>,
}

impl Clock for Fragile {
    fn now(&self) -> DateTime<Utc> {
        let is_the_thread = thread::current().name() == Some("convodb-background");
        if is_the_thread {
            self.asked.store(true, Ordering::SeqCst);
            assert!(self.repaired.load(Ordering::SeqCst), "a clock");
        }
        time("2026-04-16T09:00:00Z")
    }
}

#[test]
fn a_step_that_panics_does_no_harm_and_is_done_after_reopening_or_repairing() {
    let repairs: [fn(&Store); 2] = [
        |store| store.reopen().unwrap(),
        |store| assert!(store.repair().unwrap().is_clean()),
    ];
    for repair in repairs {
        let clock = Fragile::default();
        let (store, [alice, bob]) = busy(Options::new().clock(clock.clone()), 300);
        store.remove_assignee(&alice, Some(&bob)).unwrap();
        while !clock.asked.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        for number in 0..20 {
            store
                .resolve(ConversationId::from_parts(1_600_000_000_000, number))
                .unwrap();
        }
        assert!(store.stats().unwrap().to_reassign > 0);
        assert_eq!(store.count(&Filter::all().assigned_to(&bob)).unwrap(), 300);
        assert!(store.verify().unwrap().is_clean());
        clock.repaired.store(true, Ordering::SeqCst);
        repair(&store);
        assert!(is_reassigned(&store, 620));
        assert!(store.verify().unwrap().is_clean());
    }
}

#[test]
fn closing_does_not_wait_for_all_of_it_and_the_next_opening_continues() {
    for closes in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("inbox.redb");
        let (model, [alice, bob]) = busy(Options::new().reassign_by_hand(), 600);
        model.backup(&path).unwrap();
        let open = || Store::open(&path).unwrap();
        let store = open();
        store.remove_assignee(&alice, Some(&bob)).unwrap();
        // Dropped or closed while the thread works.
        if closes {
            store.close().unwrap();
        } else {
            drop(store);
        }
        let store = open();
        assert_eq!(store.count(&Filter::all().assigned_to(&bob)).unwrap(), 600);
        assert!(is_reassigned(&store, 1_200));
        assert!(store.verify().unwrap().is_clean());
    }
}

/// A disk that fails on the thread that reassigns.
struct Unwilling(AtomicBool);

impl Gate for Unwilling {
    fn before(&self, call: Call) -> Fate {
        let is_the_thread = thread::current().name() == Some("convodb-background");
        let changes = matches!(call, Call::Write { .. } | Call::Sync);
        if is_the_thread && changes && !self.0.load(Ordering::SeqCst) {
            Fate::Refused(std::io::ErrorKind::Other)
        } else {
            Fate::Done
        }
    }
}

#[test]
fn a_disk_that_fails_in_a_step_leaves_all_as_it_was_and_the_next_opening_continues() {
    let disk = MemoryDisk::default();
    let options = Options::new().disk(Arc::new(disk.clone()));
    let (store, [alice, bob]) = fill(options.open("/inbox.redb").unwrap(), 300);
    let gate = Arc::new(Unwilling(AtomicBool::new(false)));
    disk.set_gate(Some(gate.clone()));
    store.remove_assignee(&alice, Some(&bob)).unwrap();
    // The step waits for the write lock as other commands do.
    let id = ConversationId::from_parts(1_600_000_000_000, 0);
    let refused = loop {
        if let Err(error) = store.add_note(id, "A note.") {
            break error;
        }
    };
    assert_eq!(refused.kind(), ErrorKind::NeedsReopen);
    let of_bob = Filter::all().assigned_to(&bob);
    assert_eq!(store.count(&of_bob).unwrap(), 300);
    let left = store.stats().unwrap().to_reassign;
    assert!(left > 0);
    gate.0.store(true, Ordering::SeqCst);
    store.reopen().unwrap();
    let notes = store.notes(id).unwrap().count() as u64;
    assert!(is_reassigned(&store, 600 + notes));
    assert_eq!(store.count(&of_bob).unwrap(), 300);
    assert!(store.verify().unwrap().is_clean());
    store.close().unwrap();
    disk.set_gate(None);
}
