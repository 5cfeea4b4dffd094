//! Many threads on one store: each read sees one commit, claims are exclusive, and neither a deadlock
//! nor a panic breaks the store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb::prelude::*;
use convodb::{
    AssigneeId, Channel, CommitSeq, ContactId, ConversationId, Error, ErrorKind, Filter,
    IdGenerator, Inbound, Options, Outcome, PageRequest, Result, Snapshot, UserId,
};

use convodb_testkit::fixture::{EndsOthers, clock};
use convodb_testkit::harness::disk::{Call, Fate, Gate, MemoryDisk};
use convodb_testkit::op::contact;

use crate::details::holder;

fn hello(store: &Store, number: u8) -> Result<Outcome<convodb::Message>> {
    store.receive(Inbound::text(contact(number), Channel::Whatsapp, "Hello"))
}

fn users(store: &Store, count: usize) -> Vec<AssigneeId> {
    (0..count)
        .map(|number| {
            let id = UserId::new(&format!("usr_{number}")).unwrap();
            store.save_user(&id, "An agent").unwrap();
            AssigneeId::from(id)
        })
        .collect()
}

/// Checks that the lists, transcripts and counts of a snapshot are of one commit.
fn check_one_state(snapshot: &Snapshot) -> u64 {
    let mut rows = Vec::new();
    let total = snapshot.count(&Filter::all()).unwrap();
    for number in 1.. {
        let request = PageRequest::number(number, 7).unwrap();
        let page = snapshot.list(&Filter::all(), request).unwrap();
        assert_eq!(page.total, total, "every page has the same total");
        if page.data.is_empty() {
            break;
        }
        rows.extend(page.data);
    }
    assert_eq!(rows.len() as u64, total, "as many rows as the total says");
    let positions = rows.iter().map(|row| (row.updated_at, row.id));
    assert!(positions.is_sorted_by(|a, b| a > b), "latest first, once");
    for row in &rows {
        let transcript = snapshot.transcript(row.id).unwrap();
        let shown = transcript.conversation.into_listed();
        assert_eq!(shown, *row, "as its list shows it");
        let newest = snapshot.last_messages(&[row.id]).unwrap();
        assert_eq!(newest, [transcript.messages.last().cloned()]);
    }
    let open = snapshot.count(&Filter::open()).unwrap();
    assert_eq!(open + snapshot.count(&Filter::resolved()).unwrap(), total);
    snapshot.assignees().unwrap();
    total
}

/// Makes, moves and removes conversations; each command is one state.
fn work(store: &Store) {
    let users = users(store, 3);
    let mut ids: Vec<ConversationId> = Vec::new();
    for round in 0..60_usize {
        let received = hello(store, (round % 40) as u8).unwrap();
        let id = received.value.conversation_id;
        if received.effect.created {
            ids.push(id);
        }
        store.assign(id, &users[round % users.len()]).unwrap();
        store.resolve(ids[round / 2 % ids.len()]).unwrap();
        if round % 5 == 4 {
            store.delete(ids.swap_remove(round % ids.len())).unwrap();
        }
    }
}

#[test]
fn readers_beside_a_writer_each_see_one_state() {
    let store = Store::in_memory().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = CommitSeq::ZERO;
                    while !done.load(Ordering::SeqCst) {
                        let commit = store.commit_seq().unwrap();
                        assert!(commit >= last, "commits stay");
                        last = commit;
                        check_one_state(&store.snapshot().unwrap());
                    }
                })
            })
            .collect();
        let ends_readers = EndsOthers(&done);
        work(&store);
        drop(ends_readers);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert!(check_one_state(&store.snapshot().unwrap()) > 0);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn commands_from_many_threads_all_land() {
    const THREADS: u8 = 8;
    const EACH: u8 = 12;
    let store = Store::in_memory().unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = store.clone();
            scope.spawn(move || {
                for message in 0..EACH {
                    // Half of them into conversations that the other threads write to as well.
                    let number = if message % 2 == 0 {
                        message
                    } else {
                        100 + thread
                    };
                    hello(&store, number).unwrap();
                }
            });
        }
    });
    let stats = store.stats().unwrap();
    assert_eq!(stats.messages, u64::from(THREADS) * u64::from(EACH));
    assert_eq!(stats.grouped_commands, stats.messages);
    assert_eq!(
        stats.commit_seq.get(),
        stats.groups,
        "each group is one commit"
    );
    assert!(stats.largest_group <= u64::from(THREADS), "{stats:?}");
    let conversations = u64::from(EACH / 2 + THREADS);
    assert_eq!(stats.conversations, conversations);
    assert_eq!(store.count(&Filter::open()).unwrap(), conversations);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn of_sixteen_claims_at_once_one_succeeds_and_the_others_name_the_winner() {
    let store = Store::in_memory().unwrap();
    let id = hello(&store, 1).unwrap().value.conversation_id;
    let users = users(&store, 16);
    let barrier = Barrier::new(users.len());
    let claims: Vec<(AssigneeId, Result<_>)> = thread::scope(|scope| {
        let claimants: Vec<_> = users
            .iter()
            .map(|user| {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    (user.clone(), store.claim(id, user))
                })
            })
            .collect();
        claimants
            .into_iter()
            .map(|one| one.join().unwrap())
            .collect()
    });
    let winner = store
        .transcript(id)
        .unwrap()
        .conversation
        .assigned_to
        .unwrap()
        .id;
    for (user, claim) in claims {
        match claim {
            Ok(outcome) => {
                assert_eq!(user, winner);
                assert!(outcome.effect.changed);
            }
            Err(lost) => {
                assert_ne!(user, winner);
                assert_eq!(holder(&lost), Some(&winner));
            }
        }
    }
}

#[test]
fn a_command_of_the_store_within_its_own_transaction_is_an_error_and_no_deadlock() {
    let store = Store::in_memory().unwrap();
    let elsewhere = Store::in_memory().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let kind = |error: Error| error.kind();
    let within = Err(ErrorKind::ReentrantCommand);
    store
        .transaction(|tx| {
            tx.receive(Inbound::text(contact(1), Channel::Webchat, "inside"))?;
            assert_eq!(hello(&store, 2).map(drop).map_err(kind), within);
            let nested = store.transaction(|_| Ok::<_, Error>(()));
            assert_eq!(nested.map_err(kind), within);
            assert_eq!(store.import_all([]).map(drop).map_err(kind), within);
            assert_eq!(store.flush().map_err(kind), within);
            assert_eq!(store.repair().map(drop).map_err(kind), within);
            assert_eq!(store.compact().map_err(kind), within);
            assert_eq!(store.reopen().map_err(kind), within);
            assert_eq!(store.clone().close().map_err(kind), within);
            // Reads see what was committed; another store is another matter.
            assert_eq!(store.count(&Filter::all())?, 0);
            store.backup(directory.path().join("copy.redb"))?;
            hello(&elsewhere, 1)?;
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 1);
    assert_eq!(elsewhere.count(&Filter::all()).unwrap(), 1);
    hello(&store, 2).unwrap();
}

#[test]
fn a_command_of_another_thread_waits_for_the_transaction_and_lands_behind_it() {
    let store = Store::in_memory().unwrap();
    let waiting = store
        .transaction(|tx| {
            tx.receive(Inbound::text(contact(1), Channel::Whatsapp, "first"))?;
            let store = store.clone();
            let waiting = thread::spawn(move || hello(&store, 1));
            tx.receive(Inbound::text(contact(1), Channel::Whatsapp, "second"))?;
            Ok::<_, Error>(waiting)
        })
        .unwrap();
    let third = waiting.join().unwrap().unwrap().value;
    let texts: Vec<_> = store
        .transcript(third.conversation_id)
        .unwrap()
        .messages
        .into_iter()
        .map(|message| message.content.as_text().unwrap().to_owned())
        .collect();
    assert_eq!(texts, ["first", "second", "Hello"]);
}

/// A clock or generator that panics when it is armed.
#[derive(Clone, Default)]
struct Trap(Arc<AtomicBool>);

impl Trap {
    fn set(&self, armed: bool) {
        self.0.store(armed, Ordering::SeqCst);
    }

    fn spring(&self) {
        assert!(!self.0.load(Ordering::SeqCst), "sprung");
    }
}

impl IdGenerator for Trap {
    fn random(&self) -> u128 {
        self.spring();
        7
    }
}

/// After the panic nothing is there of what was under way, and the store goes on.
fn check_survives(store: &Store, trap: &Trap, command: impl FnOnce(&Store)) {
    let before = hello(store, 1).unwrap();
    trap.set(true);
    let panicked = catch_unwind(AssertUnwindSafe(|| command(store)));
    trap.set(false);
    assert!(panicked.is_err(), "the panic came through");
    assert_eq!(store.commit_seq().ok(), before.commit);
    assert_eq!(
        store
            .find_conversation(&contact(2), Channel::Whatsapp)
            .unwrap(),
        None
    );

    let after = hello(store, 1).unwrap();
    assert_eq!(after.commit, before.commit.map(CommitSeq::next));
    let other = store.clone();
    let elsewhere = thread::spawn(move || hello(&other, 3).map(drop));
    elsewhere.join().unwrap().unwrap();
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn a_clock_that_panics_leaves_nothing_and_poisons_nothing() {
    let trap = Trap::default();
    let (springs, time) = (trap.clone(), clock());
    let panicking = move || -> DateTime<Utc> {
        springs.spring();
        time.get()
    };
    let store = Options::new().clock(panicking).open_in_memory().unwrap();
    check_survives(&store, &trap, |store| drop(hello(store, 2)));
}

#[test]
fn a_generator_that_panics_leaves_nothing_and_poisons_nothing() {
    let trap = Trap::default();
    let store = Options::new().ids(trap.clone()).open_in_memory().unwrap();
    check_survives(&store, &trap, |store| drop(hello(store, 2)));
    check_survives(&store, &trap, |store| drop(store.compact()));
}

#[test]
fn a_generator_that_panics_while_the_store_is_reopened_leaves_it_to_be_reopened_again() {
    let trap = Trap::default();
    let store = Options::new().ids(trap.clone()).open_in_memory().unwrap();
    let commit = hello(&store, 1).unwrap().commit;
    trap.set(true);
    let reopened = catch_unwind(AssertUnwindSafe(|| store.reopen()));
    trap.set(false);
    assert!(reopened.is_err(), "the panic came through");
    // Whether the file was closed before the panic is the store's business, not what it holds.
    store.reopen().unwrap();
    assert_eq!(store.commit_seq().ok(), commit);
    hello(&store, 2).unwrap();
}

#[test]
fn a_transaction_that_panics_leaves_nothing_and_poisons_nothing() {
    let trap = Trap::default();
    let store = Store::in_memory().unwrap();
    check_survives(&store, &trap, |store| {
        let _: Result<()> = store.transaction(|tx| {
            tx.receive(Inbound::text(contact(2), Channel::Whatsapp, "lost"))?;
            trap.spring();
            Ok(())
        });
    });
}

#[test]
fn an_import_whose_source_panics_leaves_nothing_and_poisons_nothing() {
    let trap = Trap::default();
    let store = Store::in_memory().unwrap();
    let import = |number: u8| {
        let id = ConversationId::from_parts(1_600_000_000_000, u128::from(number));
        let contact = ContactId::new(&format!("con_{number}")).unwrap();
        let created_at = clock().get();
        convodb::Import::new(
            convodb::Conversation::new(id, contact, Channel::Whatsapp, created_at),
            vec![],
        )
    };
    check_survives(&store, &trap, |store| {
        let _: Result<Outcome<u64>> = store.import_all((2..5).map(|number| {
            if number == 4 {
                trap.spring();
            }
            import(number)
        }));
    });
}

#[test]
fn a_clock_that_asks_its_own_store_gets_an_error_and_no_deadlock() {
    let known: Arc<std::sync::OnceLock<Store>> = Arc::default();
    let asked = Arc::new(AtomicBool::new(false));
    let (to_ask, was_asked, time) = (Arc::clone(&known), Arc::clone(&asked), clock());
    let store = Options::new()
        .clock(move || -> DateTime<Utc> {
            if let Some(store) = to_ask.get() {
                let refused = hello(store, 9).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::ReentrantCommand);
                was_asked.store(true, Ordering::SeqCst);
            }
            time.get()
        })
        .open_in_memory()
        .unwrap();
    assert!(known.set(store.clone()).is_ok());
    hello(&store, 1).unwrap();
    assert!(asked.load(Ordering::SeqCst));
}

/// A sync that does not return before it is let go.
#[derive(Debug, Default)]
struct StuckSync {
    /// Whether a sync has begun, and whether it may return.
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl StuckSync {
    fn wait_until_begun(&self) {
        let state = self.state.lock().unwrap();
        let begun = self.changed.wait_while(state, |(begun, _)| !*begun);
        drop(begun.unwrap());
    }
}

impl Gate for StuckSync {
    fn before(&self, call: Call) -> Fate {
        if call == Call::Sync {
            let mut state = self.state.lock().unwrap();
            state.0 = true;
            self.changed.notify_all();
            drop(
                self.changed
                    .wait_while(state, |(_, may_return)| !*may_return),
            );
        }
        Fate::Done
    }
}

/// Lets the sync go, by a panic too: the writer would wait for ever.
struct LetsGo<'a>(&'a StuckSync);

impl Drop for LetsGo<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().1 = true;
        self.0.changed.notify_all();
    }
}

#[test]
fn no_read_waits_for_a_sync_or_sees_what_it_makes_durable() {
    let disk = MemoryDisk::default();
    let options = Options::new().disk(Arc::new(disk.clone()));
    let store = options.open("inbox.redb").unwrap();
    hello(&store, 1).unwrap();
    let sync = Arc::new(StuckSync::default());
    disk.set_gate(Some(sync.clone()));
    thread::scope(|scope| {
        let lets_go = LetsGo(&sync);
        let writer = scope.spawn(|| hello(&store, 2).unwrap());
        sync.wait_until_begun();
        let (says, hears) = mpsc::channel();
        let store = &store;
        scope.spawn(move || {
            let snapshot = store.snapshot().unwrap();
            let seen = check_one_state(&snapshot);
            let rows = store.list(&Filter::all(), PageRequest::default()).unwrap();
            says.send((seen, rows.total)).unwrap();
        });
        let read = hears.recv_timeout(Duration::from_secs(60));
        assert!(!writer.is_finished(), "the command is not durable yet");
        drop(lets_go);
        assert_eq!(read, Ok((1, 1)), "a read waits for a sync");
    });
    assert_eq!(store.count(&Filter::all()).unwrap(), 2);
}
