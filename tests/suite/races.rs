//! Who acts on what they saw is told when it is no longer so: R15, and revisions.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;

use convodb::{
    AssigneeId, Context, Conversation, ConversationId, ErrorKind, Filter, Outcome, PageRequest,
    ProviderId, Receipt, Reply, Result, Status, Store, Takeover, UserId,
};

use crate::rules::inbox::{Inbox, assignee};

const THREADS: usize = 16;

fn agents(inbox: &Inbox) -> Vec<AssigneeId> {
    let agent = |number| inbox.user(&format!("usr_{number}"), "An agent");
    (0..THREADS).map(agent).collect()
}

/// Each agent takes from the top of one queue until nothing is left; answers who was told to have
/// taken what. All of them look before the first of them takes.
fn empty_the_queue(
    store: &Store,
    agents: &[AssigneeId],
    take: impl Fn(ConversationId, &AssigneeId) -> Result<Outcome<Conversation>> + Sync,
) -> (Vec<(ConversationId, AssigneeId)>, usize) {
    let (start, queue) = (Barrier::new(agents.len()), Filter::open().unassigned());
    let work = |agent: &AssigneeId| {
        let (mut taken, mut lost, mut waited) = (Vec::new(), 0, false);
        loop {
            let page = store.list(&queue, PageRequest::new(1, 3).unwrap()).unwrap();
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
                    assert_eq!(error.kind(), ErrorKind::Conflict);
                    let winner = error.winner().expect("a winner");
                    assert_ne!(winner, agent, "who has it is not told that another has");
                    lost += 1;
                }
            }
        }
    };
    let told = thread::scope(|scope| {
        let works: Vec<_> = agents
            .iter()
            .map(|agent| scope.spawn(move || work(agent)))
            .collect();
        let joined = works.into_iter().map(|work| work.join().unwrap());
        joined.collect::<Vec<_>>()
    });
    let lost = told.iter().map(|(_, lost)| lost).sum();
    (
        told.into_iter().flat_map(|(taken, _)| taken).collect(),
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
        assert_eq!(shown.revision, 1);
    }
    assert!(lost >= THREADS - 1, "all but one lost the first");
    inbox.assert_sound();
}

#[test]
fn the_same_agents_take_some_twice_where_nobody_checks() {
    let inbox = Inbox::new();
    let agents = agents(&inbox);
    for number in 0..20 {
        inbox.hello(&format!("con_{number}"));
    }
    let (taken, _) = empty_the_queue(&inbox.store, &agents, |id, agent| {
        inbox.store.assign(id, agent)
    });
    assert!(taken.len() >= 20 + THREADS - 1, "the first is everybody's");
}

#[test]
fn of_sixteen_who_take_over_from_one_agent_one_wins_and_the_others_learn_who() {
    let inbox = Inbox::new();
    let (agents, alice) = (agents(&inbox), inbox.user("usr_alice", "Alice"));
    let id = inbox.conversation();
    inbox.store.assign(id, &alice).unwrap();
    let start = Barrier::new(THREADS);
    let take = |agent: &AssigneeId| {
        start.wait();
        inbox.store.assign_if(id, agent, Some(&alice))
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
    assert_eq!(shown.revision, 2);
    for (agent, result) in agents.iter().zip(results) {
        match result {
            Ok(won) => assert_eq!((agent, assignee(&won.value)), (winner, Some(winner))),
            Err(error) => assert_eq!(error.winner(), Some(winner)),
        }
    }
}

#[test]
fn r15_only_who_is_expected_to_have_a_conversation_loses_it() {
    let inbox = Inbox::new();
    let [alice, bob, carol] =
        ["usr_alice", "usr_bob", "usr_carol"].map(|id| inbox.user(id, "Somebody"));
    let id = inbox.resolved();
    let store = &inbox.store;
    let won = store.assign_if(id, &alice, None).unwrap();
    assert!(won.changed && won.reopened, "as an assignment does");

    let lost = store.assign_if(id, &bob, None).unwrap_err();
    assert_eq!(
        (lost.kind(), lost.winner()),
        (ErrorKind::Conflict, Some(&alice))
    );
    assert_eq!(lost.revision(), None);
    let lost = store.assign_if(id, &bob, Some(&carol)).unwrap_err();
    assert_eq!(lost.winner(), Some(&alice));
    assert!(store.assign_if(id, &bob, Some(&alice)).unwrap().changed);
    // Given again, when the one who was expected is gone already.
    let again = store.assign_if(id, &bob, Some(&alice)).unwrap();
    assert!(!again.changed, "who has it already keeps it");
    assert!(!store.assign_if(id, &bob, None).unwrap().changed);

    store.unassign(id).unwrap();
    let lost = store.assign_if(id, &carol, Some(&bob)).unwrap_err();
    assert_eq!((lost.kind(), lost.winner()), (ErrorKind::Conflict, None));
    assert_eq!(
        lost.to_string(),
        format!("the conversation `{id}` is assigned to nobody")
    );
    let unknown = AssigneeId::new("usr_nobody").unwrap();
    let refused = store.assign_if(id, &unknown, None).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert_eq!(assignee(&inbox.show(id)), None, "nothing was written");
}

#[test]
fn a_revision_grows_with_every_change_of_status_and_assignee() {
    let inbox = Inbox::new();
    let (alice, bob) = (inbox.user("usr_alice", "A"), inbox.user("usr_bob", "B"));
    let id = inbox.conversation();
    let store = &inbox.store;
    let revision = || inbox.show(id).revision;
    assert_eq!(revision(), 0);
    store.assign(id, &alice).unwrap();
    assert_eq!(revision(), 1, "assigned");
    store.assign(id, &alice).unwrap();
    assert_eq!(revision(), 1, "a no-op is no change");
    store.resolve(id).unwrap();
    assert_eq!(revision(), 2, "resolved");
    inbox.hello("con_01HXYZ");
    assert_eq!(revision(), 3, "reopened");
    store
        .remove_assignee(&alice, &Takeover::By(bob.clone()))
        .unwrap();
    assert_eq!(revision(), 4, "taken over");
    store.unassign(id).unwrap();
    assert_eq!(revision(), 5, "unassigned");
    store.resolve(id).unwrap();
    store.assign(id, &bob).unwrap();
    assert_eq!(revision(), 8, "resolved, assigned and reopened");
    let listed = store.list(&Filter::open(), PageRequest::default()).unwrap();
    assert_eq!(listed.data, [inbox.show(id)], "as its list shows it");
    inbox.assert_sound();
}

#[test]
fn what_is_no_change_of_status_or_assignee_makes_no_action_fail() {
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
    assert!(store.reply_if(id, seen, "Anything else?").unwrap().changed);
    let resolved = store.resolve_if(id, seen).unwrap();
    assert_eq!(resolved.value.status, Status::Resolved);
    assert_eq!(resolved.value.revision, seen + 1);
    let broadcast = Reply::text("News").reopen(false);
    assert!(!store.reply_if(id, seen + 1, broadcast).unwrap().reopened);
    assert_eq!(inbox.show(id).revision, seen + 1);
}

#[test]
fn an_action_on_what_is_no_longer_so_is_a_conflict_and_writes_nothing() {
    let inbox = Inbox::new();
    let alice = inbox.user("usr_alice", "Alice");
    let id = inbox.conversation();
    let store = &inbox.store;
    let seen = inbox.show(id).revision;
    store.assign(id, &alice).unwrap();
    let before = (store.get(id).unwrap(), store.sequence().unwrap());
    for stale in [seen, seen + 2, u64::MAX] {
        for error in [
            store.resolve_if(id, stale).unwrap_err(),
            store.reply_if(id, stale, "Hi").unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert_eq!((error.revision(), error.winner()), (Some(1), None));
            assert_eq!(
                error.to_string(),
                format!("the conversation `{id}` has changed: its revision is 1")
            );
        }
    }
    assert_eq!((store.get(id).unwrap(), store.sequence().unwrap()), before);
    let nowhere = ConversationId::from_parts(7, 7);
    for error in [
        store.resolve_if(nowhere, 0).unwrap_err(),
        store.reply_if(nowhere, 0, "Hi").unwrap_err(),
    ] {
        assert_eq!(
            (error.kind(), error.revision()),
            (ErrorKind::NotFound, None)
        );
    }
    // What tells is enough to go on.
    let present = store.resolve_if(id, seen).unwrap_err().revision().unwrap();
    assert!(store.resolve_if(id, present).unwrap().changed);
}

#[test]
fn a_reply_that_is_given_again_is_answered_whatever_the_revision() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let seen = inbox.show(id).revision;
    let reply = || Reply::text("On its way.").provider_id("wamid.1");
    let first = inbox.store.reply_if(id, seen, reply()).unwrap();
    assert!(first.reopened, "so the revision has moved");
    let again = inbox.store.reply_if(id, seen, reply()).unwrap();
    assert!(again.duplicate && !again.changed);
    assert_eq!(again.value, first.value);
    let other = Reply::text("And more.").provider_id("wamid.2");
    let error = inbox.store.reply_if(id, seen, other).unwrap_err();
    assert_eq!(error.revision(), Some(seen + 1));
}

#[test]
fn a_command_with_a_key_that_is_given_again_is_answered_whatever_has_changed() {
    let inbox = Inbox::new();
    let (alice, bob) = (inbox.user("usr_alice", "A"), inbox.user("usr_bob", "B"));
    let id = inbox.conversation();
    let keyed = |key| inbox.store.with(Context::new().idempotency_key(key));
    assert!(keyed("take").assign_if(id, &alice, None).unwrap().changed);
    inbox.store.assign(id, &bob).unwrap();
    let again = keyed("take").assign_if(id, &alice, None).unwrap();
    assert!(again.duplicate, "Alice had it");
    assert_eq!(assignee(&again.value), Some(&bob), "and Bob keeps it");

    let seen = inbox.show(id).revision;
    keyed("resolve").resolve_if(id, seen).unwrap();
    assert!(keyed("resolve").resolve_if(id, seen).unwrap().duplicate);
    let other = keyed("resolve").resolve_if(id, seen + 1).unwrap_err();
    assert_eq!(
        (other.kind(), other.revision()),
        (ErrorKind::Conflict, None)
    );
    keyed("read").mark_read(id, 1).unwrap();
    assert!(keyed("read").mark_read(id, 1).unwrap().duplicate);
}

#[test]
fn of_sixteen_who_resolve_what_they_saw_one_does() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let seen = inbox.show(id).revision;
    let start = Barrier::new(THREADS);
    let resolve = || {
        start.wait();
        inbox.store.resolve_if(id, seen)
    };
    let results: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..THREADS).map(|_| scope.spawn(resolve)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, THREADS - 1));
    for error in lost {
        assert_eq!(error.unwrap_err().revision(), Some(seen + 1));
    }
}

#[test]
fn within_a_transaction_and_in_a_context_a_revision_means_the_same() {
    let inbox = Inbox::new();
    let alice = inbox.user("usr_alice", "Alice");
    let id = inbox.conversation();
    let refused = inbox.store.transaction(|tx| {
        let seen = tx.conversation(id)?.revision;
        tx.assign_if(id, &alice, None)?;
        tx.mark_read(id, 1)?;
        tx.reply_if(id, seen + 1, "Hello, Alice here.")?;
        tx.resolve_if(id, seen)
    });
    assert_eq!(refused.unwrap_err().revision(), Some(1), "it saw its own");
    assert_eq!(inbox.show(id).revision, 0, "and was rolled back");

    let actor = UserId::new("usr_alice").unwrap();
    let by_alice = inbox.store.with(Context::new().actor(actor));
    by_alice.assign_if(id, &alice, None).unwrap();
    by_alice.reply_if(id, 1, "Hello.").unwrap();
    assert_eq!(by_alice.mark_read(id, 1).unwrap().value.unread_count, 0);
    assert!(by_alice.resolve_if(id, 1).unwrap().changed);
}
