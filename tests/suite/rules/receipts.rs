//! Delivery receipts, which may come late, twice and in any order.

use chrono::{DateTime, Utc};
use convodb::{Deliveries, DeliveryStatus, ErrorKind, Execute, Message, MessageId, Receipt};
use proptest::prelude::*;

use super::inbox::{Inbox, time};
use crate::store::{Read, SLOWER, Store, test};

fn at(minute: u32) -> DateTime<Utc> {
    time(&format!("2026-04-16T08:{minute:02}:00Z"))
}

/// Every order of some things.
fn permutations<T: Clone>(things: &[T]) -> Vec<Vec<T>> {
    if things.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (n, first) in things.iter().enumerate() {
        let rest = [&things[..n], &things[n + 1..]].concat();
        for mut order in permutations(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

impl Inbox {
    /// A message that was just sent.
    fn sent(&self) -> Message {
        let id = self.conversation();
        self.store.reply(id, "Hi").unwrap().value
    }

    fn record(&self, message: &Message, receipt: Receipt) -> Message {
        self.store
            .record_delivery(message, receipt)
            .unwrap()
            .value
            .unwrap()
    }
}

#[test]
fn an_inbound_message_starts_delivered_and_an_outbound_one_sent() {
    let inbox = Inbox::new();
    let hello = inbox.hello("con_01HXYZ");
    assert_eq!(hello.status, DeliveryStatus::Delivered);
    assert_eq!(hello.deliveries, Deliveries::default());
    let sent = inbox.sent();
    assert_eq!(sent.status, DeliveryStatus::Sent);
    assert_eq!(sent.deliveries, Deliveries::default());
}

#[test]
fn the_statuses_are_a_lattice_of_sent_failed_delivered_read() {
    use DeliveryStatus::{Delivered, Failed, Read, Sent};
    let mut statuses = [Read, Delivered, Sent, Failed];
    statuses.sort_unstable();
    assert_eq!(statuses, [Sent, Failed, Delivered, Read]);
}

#[test]
fn a_receipt_merges_as_the_maximum_in_every_order() {
    let inbox = Inbox::new();
    let receipts = [
        Receipt::sent().at(at(1)),
        Receipt::failed("131026", "undeliverable").at(at(2)),
        Receipt::delivered().at(at(3)),
        Receipt::read().at(at(4)),
    ];
    let orders = permutations(&receipts);
    assert_eq!(orders.len(), 24);
    for order in orders {
        let sent = inbox.sent();
        let mut highest = sent.status;
        for receipt in &order {
            highest = highest.max(receipt.status());
            let recorded = inbox.record(&sent, receipt.clone());
            assert_eq!(recorded.status, highest, "{order:?}");
            // The same again changes nothing.
            let again = inbox.store.record_delivery(&sent, receipt.clone()).unwrap();
            assert!(!again.effect.changed, "{order:?}");
            assert_eq!(again.value.unwrap(), recorded, "{order:?}");
        }
        let stored = inbox
            .store
            .transcript(sent.conversation_id)
            .unwrap()
            .messages;
        let stored = stored.iter().find(|message| message.id == sent.id).unwrap();
        assert_eq!(stored.status, DeliveryStatus::Read);
        let deliveries = &stored.deliveries;
        let times = [
            deliveries.sent_at,
            deliveries.failed_at,
            deliveries.delivered_at,
            deliveries.read_at,
        ];
        assert_eq!(times, [1, 2, 3, 4].map(|minute| Some(at(minute))));
        let failure = deliveries.failure.as_ref().unwrap();
        assert_eq!(
            (&*failure.code, &*failure.message),
            ("131026", "undeliverable")
        );
    }
    inbox.assert_sound();
}

#[test]
fn the_earliest_time_of_each_status_is_kept_in_every_order() {
    let inbox = Inbox::new();
    for (status, of) in [
        (DeliveryStatus::Sent, 0),
        (DeliveryStatus::Failed, 1),
        (DeliveryStatus::Delivered, 2),
        (DeliveryStatus::Read, 3),
    ] {
        for order in permutations(&[10, 20, 30]) {
            let sent = inbox.sent();
            for minute in order {
                inbox.record(&sent, Receipt::new(status).at(at(minute)));
            }
            // An even later one changes nothing.
            let late = Receipt::new(status).at(at(40));
            let late = inbox.store.record_delivery(&sent, late).unwrap();
            assert!(!late.effect.changed);
            let recorded = late.value.unwrap().deliveries;
            let mut times = [
                recorded.sent_at,
                recorded.failed_at,
                recorded.delivered_at,
                recorded.read_at,
            ];
            assert_eq!(times[of].take(), Some(at(10)), "{status:?}");
            assert_eq!(times, [None; 4], "{status:?} sets its own time alone");
        }
    }
}

#[test]
fn of_two_failures_of_one_time_a_reason_is_kept_rather_than_none() {
    let store = Store::in_memory().unwrap();
    let contact = convodb::ContactId::new("con_1").unwrap();
    let at = "2026-04-16T09:00:00Z".parse().unwrap();
    let bare = convodb::Receipt::new(convodb::DeliveryStatus::Failed).at(at);
    let reason = convodb::Receipt::failed("131026", "undeliverable").at(at);
    for receipts in [[bare.clone(), reason.clone()], [reason, bare]] {
        let hi = convodb::Outbound::text(&contact, convodb::Channel::Whatsapp, "Hi");
        let sent = store.send(hi).unwrap().value;
        for receipt in receipts {
            store.record_delivery(&sent, receipt).unwrap();
        }
        let kept = store.last_messages(&[sent.conversation_id]).unwrap();
        let failure = kept[0].as_ref().unwrap().deliveries.failure.clone();
        assert_eq!(
            failure.map(|failure| failure.code).as_deref(),
            Some("131026")
        );
    }
}

#[test]
fn the_earliest_failures_reason_is_kept_in_every_order() {
    let inbox = Inbox::new();
    let failures = [
        Receipt::failed("first", "the earliest").at(at(10)),
        Receipt::failed("second", "a retry").at(at(20)),
        Receipt::failed("third", "the last").at(at(30)),
    ];
    for order in permutations(&failures) {
        let sent = inbox.sent();
        for receipt in order {
            inbox.record(&sent, receipt);
        }
        let recorded = inbox.record(&sent, Receipt::delivered().at(at(40)));
        assert_eq!(
            recorded.status,
            DeliveryStatus::Delivered,
            "it came after all"
        );
        assert_eq!(recorded.deliveries.failed_at, Some(at(10)));
        assert_eq!(recorded.deliveries.failure.unwrap().code, "first");
    }
}

#[test]
fn a_failure_does_not_take_a_message_back_that_was_delivered() {
    let inbox = Inbox::new();
    let sent = inbox.sent();
    inbox.record(&sent, Receipt::delivered().at(at(4)));
    let recorded = inbox.record(&sent, Receipt::failed("1", "lost").at(at(5)));
    assert_eq!(recorded.status, DeliveryStatus::Delivered);
    assert_eq!(
        recorded.deliveries.failed_at,
        Some(at(5)),
        "but it is known"
    );
    assert_eq!(recorded.deliveries.failure.unwrap().message, "lost");
}

#[test]
fn a_receipt_without_a_time_or_of_the_future_has_the_present_time() {
    let inbox = Inbox::new();
    let sent = inbox.sent();
    let now = inbox.later();
    let recorded = inbox.record(&sent, Receipt::delivered());
    assert_eq!(recorded.deliveries.delivered_at, Some(now));
    let tomorrow = Receipt::read().at(now + chrono::TimeDelta::days(1));
    assert_eq!(inbox.record(&sent, tomorrow).deliveries.read_at, Some(now));
}

#[test]
fn a_receipt_for_a_message_that_is_not_there_is_refused() {
    let inbox = Inbox::new();
    let (one, other) = (inbox.hello("con_1"), inbox.hello("con_2"));
    let commit = inbox.store.commit_seq().unwrap();
    for missing in [
        (one.conversation_id, MessageId::from_parts(1, 1)),
        // Ids are unique within a conversation only.
        (one.conversation_id, other.id),
    ] {
        let refused = inbox.store.record_delivery(missing, Receipt::read());
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(inbox.store.commit_seq().unwrap(), commit);
}

fn any_receipt() -> impl Strategy<Value = Receipt> {
    let status = prop::sample::select(vec![
        DeliveryStatus::Sent,
        DeliveryStatus::Delivered,
        DeliveryStatus::Read,
    ]);
    // Few times, so that several receipts are of one.
    prop_oneof![
        (status, 0_u32..4).prop_map(|(status, minute)| Receipt::new(status).at(at(minute))),
        (0_u32..4).prop_map(|minute| Receipt::new(DeliveryStatus::Failed).at(at(minute))),
        ("[a-c]?", "[a-c]?", 0_u32..4)
            .prop_map(|(code, why, minute)| Receipt::failed(code, why).at(at(minute))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64 / SLOWER))]

    #[test]
    fn any_receipts_come_to_the_same_in_any_order(
        (receipts, shuffled) in prop::collection::vec(any_receipt(), 1..8)
            .prop_flat_map(|receipts| (Just(receipts.clone()), Just(receipts).prop_shuffle())),
    ) {
        let inbox = Inbox::new();
        let (one, other) = (inbox.sent(), inbox.sent());
        for receipt in receipts {
            inbox.record(&one, receipt);
        }
        for receipt in shuffled {
            inbox.record(&other, receipt);
        }
        let transcript = inbox.store.transcript(one.conversation_id).unwrap();
        let stored = |id| transcript.messages.iter().find(|message| message.id == id).unwrap();
        prop_assert_eq!(stored(one.id).status, stored(other.id).status);
        prop_assert_eq!(&stored(one.id).deliveries, &stored(other.id).deliveries);
    }
}
