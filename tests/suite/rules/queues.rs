//! The queue of a team: snoozes, teams beside assignees, tags in use, and the times that a queue goes by.

use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb::commands::DeleteResolved;
use convodb::{
    AttributeChanges, Author, Channel, ConversationId, EventKind, EventSeq, Execute, Filter,
    Inbound, Outbound, PageRequest, Reply, Status, TeamId, Timeline, WakeReason,
};

use super::inbox::{Inbox, contact};
use crate::store::{Read, Transaction, test};

fn snooze(
    inbox: &Inbox,
    id: ConversationId,
    until: Option<DateTime<Utc>>,
) -> convodb::Result<bool> {
    let mut changes = AttributeChanges::default();
    changes.snoozed_until = Some(until);
    let outcome = inbox.store.update_conversation(id, changes)?;
    Ok(outcome.effect.changed)
}

/// The reasons for which snoozes ended.
fn woken(inbox: &Inbox) -> Vec<WakeReason> {
    let events = inbox.store.events(EventSeq::ZERO, 1_000).unwrap();
    let reasons = events.into_iter().filter_map(|event| match event.kind {
        EventKind::ConversationUnsnoozed { reason } => Some(reason),
        _ => None,
    });
    reasons.collect()
}

fn count(inbox: &Inbox, filter: Filter) -> u64 {
    inbox.store.count(&filter).unwrap()
}

#[test]
fn a_snooze_ends_when_it_is_due_and_that_is_activity() {
    let inbox = Inbox::new();
    let [one, other] = ["con_1", "con_2"].map(|from| inbox.hello(from).conversation_id);
    let minute = inbox.clock.get() + Duration::from_secs(60);
    assert!(snooze(&inbox, one, Some(minute)).unwrap());
    assert!(!snooze(&inbox, one, Some(minute)).unwrap());
    let before = inbox.show(one);
    assert_eq!(
        (before.status, before.snoozed_until()),
        (Status::Open, Some(minute))
    );
    assert_eq!(before.revision.get(), 1);
    assert_eq!(count(&inbox, Filter::open()), 2);
    assert_eq!(count(&inbox, Filter::open().snoozed(true)), 1);
    assert_eq!(count(&inbox, Filter::open().snoozed(false)), 1);
    let first = |filter: Filter| {
        let page = inbox.store.list(&filter, PageRequest::default()).unwrap();
        page.data[0].clone()
    };
    let snoozed = first(Filter::open().snoozed(true));
    assert_eq!(snoozed.snoozed_until(), Some(minute));
    assert_eq!(first(Filter::open().snoozed(false)).id, other);

    inbox.clock.advance(Duration::from_secs(59));
    assert_eq!(inbox.store.wake_due().unwrap().value, 0);
    inbox.clock.advance(Duration::from_secs(1));
    assert_eq!(inbox.store.wake_due().unwrap().value, 1);
    assert_eq!(inbox.store.wake_due().unwrap().value, 0);
    let after = inbox.show(one);
    assert_eq!((after.snoozed_until(), after.updated_at), (None, minute));
    assert_eq!(after.revision.get(), 2);
    assert_eq!(first(Filter::open()).id, one);
    assert_eq!(woken(&inbox), [WakeReason::Due]);
    inbox.assert_sound();
}

#[test]
fn those_that_are_due_end_in_the_order_of_their_times() {
    let inbox = Inbox::new();
    let now = inbox.clock.get();
    let mut ids = Vec::new();
    for number in [3, 1, 2_u64] {
        let id = inbox.hello(&format!("con_{number}")).conversation_id;
        snooze(&inbox, id, Some(now + Duration::from_secs(number))).unwrap();
        ids.push((number, id));
    }
    inbox.clock.advance(Duration::from_secs(2));
    assert_eq!(inbox.store.wake_due().unwrap().value, 2);
    ids.sort();
    let events = inbox.store.events(EventSeq::ZERO, 100).unwrap();
    let woken = events
        .iter()
        .filter(|event| event.kind.as_str() == "conversation.unsnoozed");
    let woken: Vec<_> = woken.map(|event| event.subject.conversation_id()).collect();
    assert_eq!(woken, [Some(ids[0].1), Some(ids[1].1)]);
}

#[test]
fn a_message_from_the_contact_resolving_and_a_user_end_a_snooze_and_an_answer_does_not() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let hour = || inbox.clock.get() + Duration::from_secs(3_600);
    snooze(&inbox, id, Some(hour())).unwrap();
    inbox.store.reply(id, "We ask the workshop.").unwrap();
    inbox.store.add_note(id, "Asked.").unwrap();
    assert!(inbox.show(id).snoozed_until().is_some());
    inbox.hello("con_01HXYZ");
    assert_eq!(inbox.show(id).snoozed_until(), None);
    snooze(&inbox, id, Some(hour())).unwrap();
    inbox.store.resolve(id).unwrap();
    assert_eq!(inbox.show(id).snoozed_until(), None);
    inbox.store.reopen_conversation(id).unwrap();
    snooze(&inbox, id, Some(hour())).unwrap();
    snooze(&inbox, id, None).unwrap();
    let reasons = [WakeReason::Inbound, WakeReason::Resolved, WakeReason::User];
    assert_eq!(woken(&inbox), reasons);
    inbox.assert_sound();
}

#[test]
fn a_snooze_lies_in_the_future_and_belongs_to_an_open_conversation() {
    let inbox = Inbox::new();
    let open = inbox.hello("con_1").conversation_id;
    let resolved = inbox.resolved();
    let now = inbox.clock.get();
    for (id, until) in [
        (open, now),
        (open, now - Duration::from_secs(1)),
        (resolved, now + Duration::from_secs(60)),
    ] {
        let refused = snooze(&inbox, id, Some(until)).unwrap_err();
        assert_eq!(refused.field(), Some("snoozed_until"));
    }
    let nothing = inbox
        .store
        .list(&Filter::resolved().snoozed(true), PageRequest::default());
    assert_eq!(nothing.unwrap_err().field(), Some("snoozed"));
    let nothing = Filter::from_query("status=resolved&snoozed=true").unwrap_err();
    assert_eq!(nothing.field(), "snoozed");
}

#[test]
fn a_team_keeps_its_queue_while_its_users_take_conversations() {
    let inbox = Inbox::new();
    let (billing, sales) = (
        inbox.team("billing", "Billing"),
        inbox.team("sales", "Sales"),
    );
    let alice = inbox.user("usr_alice", "Alice");
    let id = inbox.conversation();
    let team = || {
        let attributes = inbox.show(id).attributes;
        attributes.and_then(|it| it.team).map(|team| team.id)
    };
    inbox.store.assign(id, &billing).unwrap();
    inbox.store.assign(id, &alice).unwrap();
    assert_eq!(team(), Some(billing.clone()));
    inbox.store.unassign(id).unwrap();
    assert_eq!(team(), Some(billing.clone()));
    let listed = inbox
        .store
        .list(&Filter::open(), PageRequest::default())
        .unwrap();
    assert_eq!(listed.data, [inbox.show(id).into_listed()]);

    // What a removed team had is its successor's, if that is a team.
    inbox.store.remove_assignee(&billing, Some(&sales)).unwrap();
    assert_eq!(team(), Some(sales.clone()));
    inbox.team("billing", "Another one");
    assert_eq!(team(), Some(sales.clone()));
    inbox.assert_sound();
    inbox.store.remove_assignee(&sales, Some(&alice)).unwrap();
    assert_eq!(team(), None);
    inbox.assert_sound();

    let mut changes = AttributeChanges::default();
    changes.team_id = Some(Some(TeamId::new("none_such").unwrap()));
    let unknown = inbox.store.update_conversation(id, changes).unwrap_err();
    assert_eq!(unknown.kind(), convodb::ErrorKind::NotFound);
}

#[test]
fn tags_are_counted_in_whichever_case() {
    let inbox = Inbox::new();
    let tag = |id, tags: &str| {
        let changes = serde_json::from_str(&format!(r#"{{"tags": {tags}}}"#)).unwrap();
        inbox.store.update_conversation(id, changes).unwrap();
    };
    let tags = || -> Vec<(String, u64)> {
        let tags = inbox.store.tags().unwrap();
        tags.into_iter().map(|it| (it.tag, it.count)).collect()
    };
    let [one, other] = ["con_1", "con_2"].map(|from| inbox.hello(from).conversation_id);
    tag(one, r#"["VIP", "refund"]"#);
    tag(other, r#"["vip"]"#);
    let expected = [("refund", 1), ("VIP", 2)].map(|(tag, count)| (tag.to_owned(), count));
    assert_eq!(tags(), expected);
    inbox.store.repair().unwrap();
    assert_eq!(tags().len(), 2);
    tag(one, "[]");
    assert_eq!(tags()[0].1, 1);
    inbox.store.delete(other).unwrap();
    assert_eq!(tags(), []);
    inbox.assert_sound();
}

#[test]
fn the_contact_waits_from_its_first_message_on_until_someone_answers() {
    let inbox = Inbox::new();
    let first = inbox.clock.get();
    let id = inbox.conversation();
    let second = inbox.later();
    inbox.hello("con_01HXYZ");
    let timeline = || inbox.show(id).timeline;
    assert_eq!(timeline().waiting_since, Some(first));
    assert_eq!(timeline().last_inbound_at, Some(second));
    let listed = inbox
        .store
        .list(&Filter::open(), PageRequest::default())
        .unwrap();
    let mut waiting = Timeline::default();
    waiting.waiting_since = Some(first);
    assert_eq!(listed.data[0].timeline, waiting);

    // A note, a broadcast and a line of the provider's answer nothing.
    inbox.store.add_note(id, "Who knows?").unwrap();
    inbox
        .store
        .reply(id, Reply::text("Sale!").reopen(false))
        .unwrap();
    assert_eq!(timeline().waiting_since, Some(first));
    let answered = inbox.later();
    inbox.store.reply(id, "We do.").unwrap();
    assert_eq!(timeline().waiting_since, None);
    assert_eq!(timeline().first_reply_at, Some(answered));
    inbox.later();
    inbox.store.reply(id, "And more.").unwrap();
    assert_eq!(timeline().first_reply_at, Some(answered));

    inbox.hello("con_01HXYZ");
    let resolved = inbox.later();
    inbox.store.resolve(id).unwrap();
    let now = timeline();
    assert_eq!((now.waiting_since, now.resolved_at), (None, Some(resolved)));
    let again = inbox.later();
    inbox.hello("con_01HXYZ");
    let now = timeline();
    assert_eq!(
        (now.waiting_since, now.opened_at),
        (Some(again), Some(again))
    );
    assert_eq!((now.first_reply_at, now.resolved_at), (None, None));
    inbox.assert_sound();
}

#[test]
fn the_answer_to_a_survey_does_not_wait() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let survey = Inbound::text(contact("con_01HXYZ"), Channel::Whatsapp, "5 of 5").reopen(false);
    inbox.store.receive(survey).unwrap();
    assert_eq!(inbox.show(id).timeline.waiting_since, None);
}

#[test]
fn a_bot_answers_until_someone_takes_over_from_it() {
    let inbox = Inbox::new();
    let alice = inbox.user("usr_alice", "Alice");
    let id = inbox.conversation();
    let reply = Outbound::text(contact("con_01HXYZ"), Channel::Whatsapp, "How can I help?");
    let bot = reply.author(Author::bot("concierge"));
    inbox.store.send(bot).unwrap();
    let timeline = || inbox.show(id).timeline;
    assert!(timeline().answered_by_bot);
    assert_eq!(
        (timeline().waiting_since, timeline().first_reply_at),
        (None, None)
    );
    let handed_off = inbox.later();
    inbox.store.assign(id, &alice).unwrap();
    assert_eq!(timeline().waiting_since, Some(handed_off));
    inbox.store.reply(id, "I am Alice.").unwrap();
    assert_eq!(timeline().waiting_since, None);
    assert_eq!(timeline().first_reply_at, Some(handed_off));
    inbox.store.unassign(id).unwrap();
    inbox.store.assign(id, &alice).unwrap();
    assert_eq!(timeline().waiting_since, None, "Alice wrote last");
    inbox.assert_sound();
}

#[test]
fn a_list_of_one_contact_has_its_conversations_in_every_inbox() {
    let inbox = Inbox::new();
    for channel in Channel::ALL {
        for from in ["con_1", "con_2"] {
            inbox.later();
            let hello = Inbound::text(contact(from), channel, "Hello");
            inbox.store.receive(hello).unwrap();
        }
    }
    let filter = Filter::all().contact(contact("con_1"));
    let page = |request| inbox.store.list(&filter, request).unwrap();
    let whole = page(PageRequest::default());
    assert_eq!((whole.total, whole.data.len()), (4, 4));
    assert!(
        whole
            .data
            .is_sorted_by(|one, next| one.updated_at > next.updated_at)
    );
    let first = page(PageRequest::number(1, 3).unwrap());
    let rest = page(PageRequest::after(first.next.unwrap(), 3).unwrap());
    assert_eq!([first.data, rest.data].concat(), whole.data);
    assert_eq!(page(PageRequest::number(3, 3).unwrap()).data, []);
    assert_eq!(
        inbox.store.rank(whole.data[2].id, &filter).unwrap(),
        Some(2)
    );
    let text = filter.to_query(&PageRequest::default());
    assert_eq!(Filter::from_query(&text).unwrap().0, filter);
}

#[test]
fn resolved_conversations_are_deleted_by_their_age_in_steps() {
    let inbox = Inbox::new();
    let mut ids = Vec::new();
    for number in 0..5 {
        let id = inbox.hello(&format!("con_{number}")).conversation_id;
        if number != 2 {
            inbox.store.resolve(id).unwrap();
        }
        ids.push(id);
        inbox.later();
    }
    let delete = |minutes: u64, limit| {
        let age = Duration::from_secs(60 * minutes);
        inbox.store.delete_resolved(age, limit).unwrap().value
    };
    assert_eq!(delete(10, 100), 0);
    // Numbers 0, 1 and 3 are older than a minute; 4 is one.
    assert_eq!(delete(1, 2), 2);
    assert_eq!(delete(1, 2), 1);
    assert_eq!(delete(1, 2), 0);
    let left = inbox
        .store
        .list(&Filter::all(), PageRequest::default())
        .unwrap();
    let left: Vec<_> = left.data.iter().map(|row| row.id).collect();
    assert_eq!(left, [ids[4], ids[2]]);
    inbox.assert_sound();
}

#[test]
fn a_step_of_the_deletion_ends_with_the_conversation_that_makes_its_messages_many() {
    let inbox = Inbox::new();
    let resolve = |contact: &str, messages: usize| {
        let of = inbox.hello(contact).conversation_id;
        let more = |tx: &Transaction<'_>| {
            for _ in 1..messages {
                tx.receive(Inbound::text(
                    self::contact(contact),
                    Channel::Whatsapp,
                    "Hello",
                ))?;
            }
            Ok::<(), convodb::Error>(())
        };
        inbox.store.transaction(more).unwrap();
        inbox.store.resolve(of).unwrap();
        inbox.later();
    };
    let at_once = DeleteResolved::AT_ONCE;
    for (contact, messages) in [
        ("con_1", 1),
        ("con_2", at_once - 2),
        ("con_3", 2 * at_once),
        ("con_4", 1),
        ("con_5", 1),
    ] {
        resolve(contact, messages);
    }
    let delete = || {
        let deleted = inbox.store.delete_resolved(Duration::ZERO, 100);
        deleted.unwrap().value
    };
    assert_eq!([delete(), delete(), delete()], [3, 2, 0]);
    inbox.assert_sound();
}
