//! Optimistic concurrency control: claims, preconditions and revisions.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;

use convodb::prelude::*;
use convodb::{
    AssigneeId, Context, Conversation, ConversationId, ErrorKind, Filter, Outcome, PageRequest,
    ProviderId, Receipt, Reply, Result, Revision, Status, UserId,
};

use crate::details::{found, holder, revision};
use crate::rules::inbox::{Inbox, assignee};

const THREADS: usize = 16;

fn agents(inbox: &Inbox) -> Vec<AssigneeId> {
    let agent = |number| inbox.user(&format!("usr_{number}"), "An agent");
    (0..THREADS).map(agent).collect()
}

/// Each agent takes the first conversation of a queue until it is empty. Returns which agent's takes
/// succeeded on which conversations, and how many takes failed. Every agent reads the queue before the
/// first one takes.
fn empty_the_queue(
    store: &Store,
    agents: &[AssigneeId],
    take: impl Fn(ConversationId, &AssigneeId) -> Result<Outcome<Conversation>> + Sync,
) -> (Vec<(ConversationId, AssigneeId)>, usize) {
    let (start, queue) = (Barrier::new(agents.len()), Filter::open().unassigned());
    let work = |agent: &AssigneeId| {
        let (mut taken, mut lost, mut waited) = (Vec::new(), 0, false);
        loop {
            let page = store
                .list(&queue, PageRequest::number(1, 3).unwrap())
                .unwrap();
            if !waited {
                start.wait();
                waited = true;
            }
            let Some(first) = page.data.first() else {
                return (taken, lost);
            };
            match take(first.id, agent) {
                Ok(won) => {
                    assert_eq!(assignee(&won.value), Some(agent));
                    taken.push((first.id, agent.clone()));
                }
                Err(error) => {
                    let winner = holder(&error).expect("a winner");
                    assert_ne!(winner, agent, "a claim by the assignee succeeds");
                    lost += 1;
                }
            }
        }
    };
    let results = thread::scope(|scope| {
        let works: Vec<_> = agents
            .iter()
            .map(|agent| scope.spawn(move || work(agent)))
            .collect();
        let joined = works.into_iter().map(|work| work.join().unwrap());
        joined.collect::<Vec<_>>()
    });
    let lost = results.iter().map(|(_, lost)| lost).sum();
    (
        results.into_iter().flat_map(|(taken, _)| taken).collect(),
        lost,
    )
}

#[test]
fn sixteen_agents_take_each_conversation_of_a_queue_exactly_once() {
    let inbox = Inbox::new();
    let agents = agents(&inbox);
    let queue: Vec<_> = (0..120)
        .map(|number| inbox.hello(&format!("con_{number}")).conversation_id)
        .collect();
    let (taken, lost) = empty_the_queue(&inbox.store, &agents, |id, agent| {
        inbox.store.claim(id, agent)
    });
    assert_eq!(taken.len(), queue.len(), "each is taken once");
    let owners: BTreeMap<_, _> = taken.into_iter().collect();
    for id in queue {
        let shown = inbox.show(id);
        assert_eq!(assignee(&shown), owners.get(&id), "{id}");
        assert_eq!(shown.revision, Revision::new(1));
    }
    assert!(lost >= THREADS - 1, "all but one lost the first");
    inbox.assert_sound();
}

#[test]
fn without_a_precondition_the_same_agents_take_some_twice() {
    let inbox = Inbox::new();
    let agents = agents(&inbox);
    for number in 0..20 {
        inbox.hello(&format!("con_{number}"));
    }
    let (taken, _) = empty_the_queue(&inbox.store, &agents, |id, agent| {
        inbox.store.assign(id, agent)
    });
    assert!(
        taken.len() >= 20 + THREADS - 1,
        "every agent took the first"
    );
}

#[test]
fn of_sixteen_who_take_a_conversation_from_one_agent_one_succeeds() {
    let inbox = Inbox::new();
    let (agents, alice) = (agents(&inbox), inbox.user("usr_alice", "Alice"));
    let id = inbox.conversation();
    inbox.store.assign(id, &alice).unwrap();
    let start = Barrier::new(THREADS);
    let take = |agent: &AssigneeId| {
        start.wait();
        inbox.if_assignee(Some(&alice)).assign(id, agent)
    };
    let results: Vec<_> = thread::scope(|scope| {
        let takes: Vec<_> = agents
            .iter()
            .map(|agent| scope.spawn(move || take(agent)))
            .collect();
        takes.into_iter().map(|take| take.join().unwrap()).collect()
    });
    let shown = inbox.show(id);
    let winner = assignee(&shown).unwrap();
    assert_eq!(shown.revision, Revision::new(2));
    for (agent, result) in agents.iter().zip(results) {
        match result {
            Ok(won) => assert_eq!((agent, assignee(&won.value)), (winner, Some(winner))),
            Err(error) => assert_eq!(holder(&error), Some(winner)),
        }
    }
}

#[test]
fn only_the_expected_assignee_is_replaced() {
    let inbox = Inbox::new();
    let [alice, bob, carol] =
        ["usr_alice", "usr_bob", "usr_carol"].map(|id| inbox.user(id, "An agent"));
    let id = inbox.resolved();
    let store = &inbox.store;
    let won = inbox.if_assignee(None).assign(id, &alice).unwrap();
    assert!(
        won.effect.changed && won.effect.reopened,
        "as an assignment does"
    );

    let lost = inbox.if_assignee(None).assign(id, &bob).unwrap_err();
    assert_eq!(found(&lost), (Some(&alice), won.value.revision));
    let lost = inbox.if_assignee(Some(&carol)).assign(id, &bob);
    assert_eq!(holder(&lost.unwrap_err()), Some(&alice));
    let of_alice = inbox.if_assignee(Some(&alice));
    assert!(of_alice.assign(id, &bob).unwrap().effect.changed);
    // The same again, when the expected assignee is replaced already.
    let again = of_alice.assign(id, &bob).unwrap();
    assert!(!again.effect.changed, "nothing is left to change");
    let again = inbox.if_assignee(None).assign(id, &bob).unwrap();
    assert!(!again.effect.changed);

    store.unassign(id).unwrap();
    let lost = inbox
        .if_assignee(Some(&bob))
        .assign(id, &carol)
        .unwrap_err();
    assert_eq!(holder(&lost), None);
    assert_eq!(
        lost.to_string(),
        format!("the conversation `{id}` is unassigned")
    );
    let unknown = AssigneeId::new("usr_nobody").unwrap();
    let refused = inbox.if_assignee(None).assign(id, &unknown).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert_eq!(assignee(&inbox.show(id)), None, "nothing was written");
}

#[test]
fn a_revision_grows_with_every_change_of_status_and_assignee() {
    let inbox = Inbox::new();
    let (alice, bob) = (inbox.user("usr_alice", "A"), inbox.user("usr_bob", "B"));
    let id = inbox.conversation();
    let store = &inbox.store;
    let revision = || inbox.show(id).revision.get();
    assert_eq!(revision(), 0);
    store.assign(id, &alice).unwrap();
    assert_eq!(revision(), 1, "assigned");
    store.assign(id, &alice).unwrap();
    assert_eq!(revision(), 1, "a no-op is no change");
    store.resolve(id).unwrap();
    assert_eq!(revision(), 2, "resolved");
    inbox.hello("con_01HXYZ");
    assert_eq!(revision(), 3, "reopened");
    store.remove_assignee(&alice, Some(&bob)).unwrap();
    assert_eq!(revision(), 4, "reassigned to the successor");
    store.unassign(id).unwrap();
    assert_eq!(revision(), 5, "unassigned");
    store.resolve(id).unwrap();
    store.assign(id, &bob).unwrap();
    assert_eq!(revision(), 8, "resolved, assigned and reopened");
    let listed = store.list(&Filter::open(), PageRequest::default()).unwrap();
    let shown = inbox.show(id).into_listed();
    assert_eq!(listed.data, [shown], "as its list shows it");
    inbox.assert_sound();
}

#[test]
fn messages_notes_receipts_and_reading_leave_the_revision() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let store = &inbox.store;
    let seen = inbox.show(id).revision;
    inbox.hello("con_01HXYZ");
    let sent = store.reply(id, "On its way.").unwrap().value;
    store.record_delivery(&sent, Receipt::read()).unwrap();
    let given = ProviderId::new("wamid.1").unwrap();
    store.set_provider_id(&sent, &given).unwrap();
    store.add_note(id, "A regular customer.").unwrap();
    store.mark_read(id, 2).unwrap();
    assert_eq!(inbox.show(id).revision, seen);
    let as_seen = inbox.if_revision(seen);
    assert!(as_seen.reply(id, "Anything else?").unwrap().effect.changed);
    let resolved = as_seen.resolve(id).unwrap();
    assert_eq!(resolved.value.status, Status::Resolved);
    assert_eq!(resolved.value.revision, seen.next());
    let broadcast = Reply::text("News").reopen(false);
    let sent = inbox.if_revision(seen.next()).reply(id, broadcast).unwrap();
    assert!(sent.effect.changed && !sent.effect.reopened);
    assert_eq!(inbox.show(id).revision, seen.next());
}

#[test]
fn a_command_on_a_stale_revision_fails_and_writes_nothing() {
    let inbox = Inbox::new();
    let alice = inbox.user("usr_alice", "Alice");
    let id = inbox.conversation();
    let store = &inbox.store;
    let seen = inbox.show(id).revision;
    store.assign(id, &alice).unwrap();
    let before = (store.transcript(id).unwrap(), store.commit_seq().unwrap());
    for stale in [seen.get(), seen.get() + 2, u64::MAX] {
        let stale = inbox.if_revision(Revision::new(stale));
        for error in [
            stale.resolve(id).unwrap_err(),
            stale.reply(id, "Hi").unwrap_err(),
        ] {
            assert_eq!(found(&error), (Some(&alice), Revision::new(1)));
            assert_eq!(
                error.to_string(),
                format!("the conversation `{id}` has changed: its revision is 1")
            );
        }
    }
    assert_eq!(
        (store.transcript(id).unwrap(), store.commit_seq().unwrap()),
        before
    );
    let nowhere = ConversationId::from_parts(7, 7);
    let as_seen = inbox.if_revision(seen);
    for error in [
        as_seen.resolve(nowhere).unwrap_err(),
        as_seen.reply(nowhere, "Hi").unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    // The error has what another attempt needs.
    let present = revision(&as_seen.resolve(id).unwrap_err());
    let resolved = inbox.if_revision(present).resolve(id).unwrap();
    assert!(resolved.effect.changed);
}

#[test]
fn a_reply_that_is_given_again_is_a_duplicate_whatever_the_revision() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let seen = inbox.show(id).revision;
    let reply = || Reply::text("On its way.").provider_id("wamid.1");
    let as_seen = inbox.if_revision(seen);
    let first = as_seen.reply(id, reply()).unwrap();
    assert!(first.effect.reopened, "so the revision has moved");
    let again = as_seen.reply(id, reply()).unwrap();
    assert!(again.is_duplicate && !again.effect.changed);
    assert_eq!(again.value, first.value);
    let other = Reply::text("And more.").provider_id("wamid.2");
    let error = as_seen.reply(id, other).unwrap_err();
    assert_eq!(revision(&error), seen.next());
}

#[test]
fn a_command_with_a_key_that_is_given_again_is_a_duplicate_whatever_its_preconditions() {
    let inbox = Inbox::new();
    let (alice, bob) = (inbox.user("usr_alice", "A"), inbox.user("usr_bob", "B"));
    let id = inbox.conversation();
    let key = |key: &str| Context::new().idempotency_key(key);
    let take = inbox.store.with(key("take").if_assignee(None));
    assert!(take.assign(id, &alice).unwrap().effect.changed);
    inbox.store.assign(id, &bob).unwrap();
    let again = take.assign(id, &alice).unwrap();
    assert!(again.is_duplicate, "Alice had it");
    assert_eq!(assignee(&again.value), Some(&bob), "and Bob keeps it");

    let seen = inbox.show(id).revision;
    let resolve = inbox.store.with(key("resolve").if_revision(seen));
    assert!(resolve.resolve(id).unwrap().effect.changed);
    assert!(resolve.resolve(id).unwrap().is_duplicate);
    let other = resolve.delete(id).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::IdempotencyKeyReused);
    let read = inbox.store.with(key("read"));
    read.mark_read(id, 1).unwrap();
    assert!(read.mark_read(id, 1).unwrap().is_duplicate);
}

#[test]
fn of_sixteen_who_resolve_a_revision_one_changes_it_and_the_others_succeed() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let seen = inbox.show(id).revision;
    let start = Barrier::new(THREADS);
    let resolve = || {
        start.wait();
        inbox.if_revision(seen).resolve(id)
    };
    let results: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..THREADS).map(|_| scope.spawn(resolve)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    // Those that come later find nothing to change.
    let outcomes: Result<Vec<_>> = results.into_iter().collect();
    let outcomes = outcomes.unwrap();
    let changed = outcomes.iter().filter(|outcome| outcome.effect.changed);
    assert_eq!(changed.count(), 1);
    for outcome in outcomes {
        assert_eq!(outcome.value.revision, seen.next());
    }
}

#[test]
fn preconditions_hold_in_a_transaction_and_beside_an_actor() {
    let inbox = Inbox::new();
    let alice = inbox.user("usr_alice", "Alice");
    let id = inbox.conversation();
    let refused = inbox.store.transaction(|tx| {
        let seen = tx.conversation(id)?.revision;
        tx.claim(id, &alice)?;
        tx.mark_read(id, 1)?;
        let at = |revision| tx.with(Context::new().if_revision(revision));
        at(seen.next()).reply(id, "Hello, Alice here.")?;
        at(seen).resolve(id)
    });
    let one = Revision::new(1);
    assert_eq!(
        revision(&refused.unwrap_err()),
        one,
        "it sees its own writes"
    );
    assert_eq!(
        inbox.show(id).revision,
        Revision::ZERO,
        "and was rolled back"
    );

    let actor = UserId::new("usr_alice").unwrap();
    let by_alice = Context::new().actor(actor.clone());
    let claimed = inbox.store.with(by_alice.clone()).claim(id, &alice);
    assert!(claimed.unwrap().effect.changed);
    let as_seen = inbox.store.with(by_alice.if_revision(one));
    as_seen.reply(id, "Hello.").unwrap();
    assert_eq!(as_seen.mark_read(id, 1).unwrap().value.unread_count, 0);
    assert!(as_seen.resolve(id).unwrap().effect.changed);
    let log = inbox.store.audit_log(id).unwrap();
    let actors: Vec<_> = log.iter().map(|event| event.actor.clone()).collect();
    assert_eq!(
        actors,
        [None, Some(actor.clone().into()), Some(actor.into())]
    );
}
