//! Commands that are submitted without waiting: futures, and their commits.

use std::collections::BTreeSet;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use std::{panic, thread};

use convodb::commands::{Assign, ReceiveMessage, ReplyTo, Resolve};
use convodb::prelude::*;
use convodb::{
    Actor, Channel, CommitSeq, Context, ConversationId, Error, ErrorKind, EventSeq, Filter,
    Inbound, Message, Options, Outcome, Reply, Result, Status,
};

use crate::rules::inbox::{Inbox, contact};
use crate::tasks::{Task, block_on};

/// The command of a message from a contact.
fn hello(from: &str) -> ReceiveMessage {
    let message = Inbound::text(contact(from), Channel::Webchat, "Hello");
    ReceiveMessage { message }
}

/// Submits while another thread has the write lock, so that the commands wait.
fn while_locked<T>(store: &Store, submit: impl FnOnce() -> T) -> T {
    let (locked, is_locked) = mpsc::channel();
    let (release, is_released) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let holder = scope.spawn(move || {
            store.transaction(|_| {
                locked.send(()).unwrap();
                // It ends when the other end is dropped, by a panic too.
                let _ = is_released.recv();
                Ok::<_, Error>(())
            })
        });
        is_locked.recv().unwrap();
        let submitted = submit();
        drop(release);
        holder.join().unwrap().unwrap();
        submitted
    })
}

#[test]
fn a_submitted_command_is_awaited_or_waited_for() {
    let store = Store::in_memory().unwrap();
    let awaited = block_on(store.submit(hello("con_1"))).unwrap();
    assert!(awaited.effect.created && !awaited.is_duplicate);
    assert_eq!(awaited.commit, Some(CommitSeq::new(1)));
    let id = awaited.value.conversation_id;
    let waited = store.submit(hello("con_1")).wait().unwrap();
    assert_eq!(
        (waited.value.conversation_id, waited.effect.created),
        (id, false)
    );
    // What is acknowledged can be read.
    let messages = store.transcript(id).unwrap().messages;
    assert_eq!(messages, [awaited.value, waited.value]);

    let resolve = || Resolve { conversation: id };
    let resolved = store.submit(resolve()).wait().unwrap();
    assert_eq!(resolved.value.status, Status::Resolved);
    let again = block_on(store.submit(resolve())).unwrap();
    assert!(!again.effect.changed);
    assert_eq!(again.commit, resolved.commit);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn a_future_is_woken_when_its_command_is_durable() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let mut task = while_locked(store, || {
        let mut task = Task::new(store.submit(hello("con_1")));
        assert!(task.poll().is_pending());
        assert!(task.poll().is_pending(), "polled again");
        assert_eq!(task.wakes(), 0);
        task
    });
    task.wait_for_wakes(1);
    let Poll::Ready(outcome) = task.poll() else {
        panic!("it was woken before it was ready");
    };
    let message = outcome.unwrap().value;
    assert_eq!(store.message(&message).unwrap(), message);
    assert_eq!(task.wakes(), 1);
    // Polled after its end it is an error and no panic.
    let Poll::Ready(Err(error)) = task.poll() else {
        panic!("the outcome was returned twice");
    };
    assert_eq!(error.kind(), ErrorKind::Aborted);
}

#[test]
fn a_future_may_move_to_another_thread_and_waker() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let store = Store::in_memory().unwrap();
    let pending = while_locked(&store, || {
        let mut first = Task::new(store.submit(hello("con_1")));
        assert!(first.poll().is_pending());
        first.into_future()
    });
    let pending = is_send(pending);
    let received: Result<Outcome<Message>> = thread::spawn(|| block_on(pending)).join().unwrap();
    assert!(received.unwrap().effect.created);
}

#[test]
fn a_rejected_command_returns_its_error_and_harms_no_other_of_its_group() {
    let inbox = Inbox::new();
    let (store, nowhere) = (&inbox.store, ConversationId::from_parts(1, 1));
    let submitted = while_locked(store, || {
        let first = store.submit(hello("con_1"));
        let rejected = store.submit(ReplyTo {
            conversation: nowhere,
            reply: Reply::text("Hi"),
        });
        [first, rejected, store.submit(hello("con_2"))]
    });
    let [first, rejected, last] = submitted.map(|pending| pending.wait());
    let error = rejected.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let commits = [first.unwrap(), last.unwrap()].map(|outcome| outcome.commit);
    assert_eq!(commits[0], commits[1]);
    assert_eq!(store.stats().unwrap().messages, 2);
    inbox.assert_sound();
}

#[test]
fn many_submitted_commands_become_few_commits_in_their_order() {
    const MANY: usize = 200;
    let store = Store::in_memory().unwrap();
    let pending: Vec<_> = while_locked(&store, || {
        let submit = |number| store.submit(hello(&format!("con_{number}")));
        (0..MANY).map(submit).collect()
    });
    let outcomes: Result<Vec<_>> = pending.into_iter().map(|one| one.wait()).collect();
    let outcomes = outcomes.unwrap();
    let commits: BTreeSet<_> = outcomes.iter().map(|outcome| outcome.commit).collect();
    assert_eq!(commits.len(), 1, "all of them waited");
    let ids: Vec<_> = outcomes.iter().map(|outcome| outcome.value.id).collect();
    assert!(ids.is_sorted(), "in the order in which they were submitted");
    let stats = store.stats().unwrap();
    assert_eq!((stats.messages, stats.largest_group), (200, 200));
    assert_eq!(stats.commit_seq, CommitSeq::new(1));
}

#[test]
fn submitted_commands_and_others_run_in_the_order_in_which_they_were_given() {
    let inbox = Inbox::new();
    let alice = inbox.user("usr_alice", "Alice");
    let id = inbox.conversation();
    let store = &inbox.store;
    let assign = |assignee| Assign {
        conversation: id,
        assignee,
    };
    for _ in 0..50 {
        let assigned = store.submit(assign(Some(alice.clone())));
        let unassigned = store.unassign(id).unwrap();
        assert!(unassigned.effect.changed, "it came behind the assignment");
        let assigned = assigned.wait().unwrap();
        assert!(assigned.effect.changed && assigned.commit <= unassigned.commit);
    }
    assert_eq!(inbox.show(id).revision.get(), 100);
}

#[test]
fn a_dropped_future_leaves_its_command_running() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    while_locked(&store, || {
        drop(store.submit(hello("con_1")));
        let mut polled = Task::new(store.submit(hello("con_2")));
        assert!(polled.poll().is_pending());
    });
    // It was given before this one, and so it is done.
    store.submit(hello("con_3")).wait().unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 3);
    drop(store.submit(hello("con_4")));
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(
        store.count(&Filter::all()).unwrap(),
        4,
        "also when the store is dropped"
    );
}

#[test]
fn a_future_that_outlives_its_store_has_the_outcome() {
    let store = Store::in_memory().unwrap();
    let pending = store.submit(hello("con_1"));
    drop(store);
    assert!(pending.wait().unwrap().effect.created);
}

#[test]
fn after_close_a_submitted_command_is_closed() {
    let store = Store::in_memory().unwrap();
    store.submit(hello("con_1")).wait().unwrap();
    let clone = store.clone();
    store.close().unwrap();
    let waited = clone.submit(hello("con_1")).wait();
    assert_eq!(waited.unwrap_err().kind(), ErrorKind::Closed);
    let awaited = block_on(clone.submit(hello("con_1")));
    assert_eq!(awaited.unwrap_err().kind(), ErrorKind::Closed);

    let never = Store::in_memory().unwrap();
    let clone = never.clone();
    never.close().unwrap();
    let first = clone.submit(hello("con_1")).wait();
    assert_eq!(first.unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn submitting_within_ones_own_transaction_is_an_error_and_runs_nothing() {
    let store = Store::in_memory().unwrap();
    store
        .transaction(|tx| {
            let within = store.submit(hello("con_1")).wait();
            assert_eq!(within.unwrap_err().kind(), ErrorKind::ReentrantCommand);
            let within = block_on(store.submit(hello("con_1")));
            assert_eq!(within.unwrap_err().kind(), ErrorKind::ReentrantCommand);
            assert_eq!(tx.count(&Filter::all())?, 0);
            Ok::<_, Error>(())
        })
        .unwrap();
    store.submit(hello("con_2")).wait().unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 1);
}

#[test]
fn waiting_within_ones_own_transaction_is_an_error_and_the_command_runs_after_it() {
    let store = Store::in_memory().unwrap();
    store
        .transaction(|_| {
            let pending = thread::scope(|scope| {
                let other = scope.spawn(|| store.submit(hello("con_1")));
                other.join().unwrap()
            });
            let error = pending.wait().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ReentrantCommand);
            Ok::<_, Error>(())
        })
        .unwrap();
    store.submit(hello("con_2")).wait().unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 2);
}

#[test]
fn a_submitted_command_carries_the_context_of_its_store() {
    let inbox = Inbox::new();
    let actor = Actor::new("api-server").unwrap();
    let context = Context::new().actor(actor.clone()).idempotency_key("k");
    let store = inbox.store.with(context);
    let first = store.submit(hello("con_1")).wait().unwrap();
    let again = store.submit(hello("con_1")).wait().unwrap();
    assert!(!first.is_duplicate && again.is_duplicate);
    assert_eq!(again.value, first.value);
    let other = store.submit(hello("con_2")).wait().unwrap_err();
    assert_eq!(other.kind(), ErrorKind::IdempotencyKeyReused);
    let events = store.events(EventSeq::ZERO, 9).unwrap();
    assert!(
        events
            .iter()
            .all(|event| event.actor == Some(actor.clone()))
    );

    let id = first.value.conversation_id;
    let stale = inbox.store.with(Context::new().if_status(Status::Resolved));
    let failed = stale.submit(Resolve { conversation: id }).wait();
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::PreconditionFailed);
}

#[test]
fn many_threads_submit_beside_others_that_execute() {
    const THREADS: usize = 8;
    const EACH: usize = 25;
    let store = Options::new().open_in_memory().unwrap();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let store = store.clone();
            scope.spawn(move || {
                let from = format!("con_{number}");
                let pending: Vec<_> = (0..EACH).map(|_| store.submit(hello(&from))).collect();
                for _ in 0..EACH {
                    store.execute(hello(&from)).unwrap();
                }
                for one in pending {
                    one.wait().unwrap();
                }
            });
        }
    });
    let stats = store.stats().unwrap();
    assert_eq!(stats.messages, (2 * THREADS * EACH) as u64);
    assert_eq!(stats.grouped_commands, stats.messages);
    assert!(
        stats.groups < stats.messages,
        "some shared a commit: {stats:?}"
    );
    assert!(store.verify().unwrap().is_clean());
}

/// Runs a closure when it is woken.
struct Run<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send + 'static> Run<F> {
    fn waker(run: F) -> Waker {
        Arc::new(Self(Mutex::new(Some(run)))).into()
    }
}

impl<F: FnOnce() + Send + 'static> Wake for Run<F> {
    fn wake(self: Arc<Self>) {
        if let Some(run) = self.0.lock().unwrap().take() {
            run();
        }
    }
}

/// Opens a file that another thread may be closing.
fn open_soon(path: &std::path::Path) -> Store {
    let since = Instant::now();
    loop {
        match Store::open(path) {
            Err(error) if error.kind() == ErrorKind::Locked => {
                assert!(since.elapsed() < Duration::from_secs(60), "{error}");
                thread::sleep(Duration::from_millis(1));
            }
            opened => return opened.unwrap(),
        }
    }
}

#[test]
fn dropping_the_last_store_beside_the_background_thread_runs_every_submitted_command() {
    for round in 0..8 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("inbox.redb");
        let inbox = Inbox::new();
        let alice = inbox.user("usr_alice", "Alice");
        for number in 0..500 {
            let id = inbox.hello(&format!("con_{number}")).conversation_id;
            inbox.store.assign(id, &alice).unwrap();
        }
        inbox.store.backup(&path).unwrap();
        let store = Store::open(&path).unwrap();
        store.submit(hello("con_first")).wait().unwrap();
        store.remove_assignee(&alice, None).unwrap();
        thread::sleep(Duration::from_micros(200 * round));
        let pending = store.submit(hello("con_last"));
        drop(store);
        let last = pending.wait().unwrap().value;
        assert_eq!(Store::open(&path).unwrap().message(&last).unwrap(), last);
    }
}

#[test]
fn a_command_in_a_waker_of_the_committer_is_refused_and_stops_no_other() {
    let store = Store::in_memory().unwrap();
    store.submit(hello("con_0")).wait().unwrap();
    let (sender, kinds) = mpsc::channel();
    let waker = Run::waker({
        let store = store.clone();
        move || {
            let received = store.receive(hello("con_waker").message);
            let waited = store.submit(hello("con_waker")).wait();
            let kind = |error: Option<Error>| error.map(|error| error.kind());
            let kinds = [kind(received.err()), kind(waited.err())];
            sender.send(kinds).unwrap();
        }
    });
    let submitted: Vec<_> = while_locked(&store, || {
        let submitted = (0..600).map(|number| store.submit(hello(&format!("con_{number}"))));
        let mut submitted: Vec<_> = submitted.map(Box::pin).collect();
        let first = submitted[0].as_mut();
        assert!(
            first
                .poll(&mut TaskContext::from_waker(&waker))
                .is_pending()
        );
        submitted
    });
    let refused = kinds.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(refused, [Some(ErrorKind::ReentrantCommand); 2]);
    for pending in submitted.into_iter().skip(1) {
        block_on(pending).unwrap();
    }
    store.receive(hello("con_after").message).unwrap();
}

#[test]
fn a_waker_that_drops_the_last_store_closes_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    let mut changed = Box::pin(store.events_changed(EventSeq::ZERO));
    let last = Arc::new(Mutex::new(Some(store.clone())));
    let own = Arc::clone(&last);
    let waker = Run::waker(move || drop(own.lock().unwrap().take()));
    let polled = changed.as_mut().poll(&mut TaskContext::from_waker(&waker));
    assert!(polled.is_pending());
    let pending = store.submit(hello("con_1"));
    drop(store);
    let received = pending.wait().unwrap().value;
    // The future does not keep it open.
    let store = open_soon(&path);
    assert_eq!(store.message(&received).unwrap(), received);
    assert!(last.lock().unwrap().is_none());
    drop(changed);
}

#[test]
fn a_store_that_is_dropped_by_a_panic_closes_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    let received = store.receive(hello("con_1").message).unwrap().value;
    let changed = store.events_changed(EventSeq::new(2));
    let panicked = thread::spawn(move || {
        let _store = store;
        panic::resume_unwind(Box::new("the service failed"));
    });
    assert!(panicked.join().is_err());
    let store = Store::open(&path).unwrap();
    assert_eq!(store.message(&received).unwrap(), received);
    drop(changed);
}

fn is_pending<F: Future>(future: Pin<&mut F>, waker: &Waker) -> bool {
    future
        .poll(&mut TaskContext::from_waker(waker))
        .is_pending()
}

#[test]
fn a_waker_may_own_what_waits_when_another_replaces_it() {
    let noop = Run::waker(|| {});
    let store = Store::in_memory().unwrap();
    let mut inner = Box::pin(store.events_changed(EventSeq::ZERO));
    let mut outer = pin!(store.events_changed(EventSeq::ZERO));
    assert!(is_pending(inner.as_mut(), &noop));
    let owner = Run::waker(move || drop(inner));
    assert!(is_pending(outer.as_mut(), &owner));
    drop(owner);
    assert!(is_pending(outer.as_mut(), &noop));

    let mut pending = while_locked(&store, || {
        let mut pending = Box::pin(store.submit(hello("con_1")));
        let mut inner = Box::pin(store.submit(hello("con_2")));
        assert!(is_pending(inner.as_mut(), &noop));
        let owner = Run::waker(move || drop(inner));
        assert!(is_pending(pending.as_mut(), &owner));
        drop(owner);
        assert!(is_pending(pending.as_mut(), &noop));
        pending
    });
    block_on(pending.as_mut()).unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 2);
}
