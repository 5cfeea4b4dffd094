//! A log of messages and receipts with providers' ids and times: in whatever order and however
//! often its lines come, the same messages stand there in the end, those of one second in the order in
//! which they came.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use convodb::{
    Channel, ContactId, DeliveryStatus, Execute, Filter, Inbound, Message, Outbound, PageRequest,
    ProviderId, Receipt, Status,
};
use proptest::prelude::*;

use convodb_testkit::fixture::clock;
use convodb_testkit::op::contact;

use crate::store::{Read, SLOWER, Store, options, test};

/// A message of the log, or a receipt for the message of this number, which may never come.
#[derive(Clone, Debug)]
enum Line {
    Message {
        number: u8,
        contact: u8,
        inbound: bool,
        age_s: u16,
    },
    Receipt {
        number: u8,
        status: DeliveryStatus,
        reason: u8,
        age_s: u16,
    },
}

fn status() -> impl Strategy<Value = DeliveryStatus> {
    prop_oneof![
        Just(DeliveryStatus::Sent),
        Just(DeliveryStatus::Failed),
        Just(DeliveryStatus::Delivered),
        Just(DeliveryStatus::Read),
    ]
}

/// Each number is one message; some have the time of another.
fn log() -> impl Strategy<Value = Vec<Line>> {
    let messages = prop::collection::vec((0..4_u8, any::<bool>(), 0..40_u16), 1..12);
    let receipts = prop::collection::vec((0..16_u8, status(), 0..3_u8, 0..40_u16), 0..24);
    (messages, receipts).prop_map(|(messages, receipts)| {
        let numbered = (0_u8..).zip(messages);
        let messages = numbered.map(|(number, (contact, inbound, age_s))| Line::Message {
            number,
            contact,
            inbound,
            age_s,
        });
        let receipts = receipts
            .into_iter()
            .map(|(number, status, reason, age_s)| Line::Receipt {
                number,
                status,
                reason,
                age_s,
            });
        messages.chain(receipts).collect()
    })
}

fn ago(age_s: u16) -> DateTime<Utc> {
    clock().get() - TimeDelta::seconds(i64::from(age_s))
}

fn provider_id(number: u8) -> ProviderId {
    ProviderId::new(&format!("wamid.{number}")).unwrap()
}

/// The channel of a message follows from its number, so that a receipt can name it.
fn channel(number: u8) -> Channel {
    Channel::ALL[usize::from(number) % 2]
}

fn apply(store: &Store, line: &Line) {
    match line {
        Line::Message {
            number,
            contact: from,
            inbound,
            age_s,
        } => {
            let (id, text) = (format!("wamid.{number}"), format!("message {number}"));
            let (contact, channel) = (contact(*from), channel(*number));
            if *inbound {
                let message = Inbound::text(contact, channel, text);
                store.receive(message.provider_id(id).provider_time(ago(*age_s)))
            } else {
                let message = Outbound::text(contact, channel, text);
                store.send(message.provider_id(id).provider_time(ago(*age_s)))
            }
            .map(drop)
        }
        Line::Receipt {
            number,
            status,
            reason,
            age_s,
        } => {
            let receipt = match status {
                DeliveryStatus::Failed if *reason > 0 => Receipt::failed(reason.to_string(), "why"),
                status => Receipt::new(*status),
            };
            let of = (channel(*number), provider_id(*number));
            match store.record_delivery(of, receipt.at(ago(*age_s))) {
                // A contact's message is neither sent nor lost; what waited for it is dropped.
                Err(error) if error.field() == Some("status") => Ok(()),
                recorded => recorded.map(drop),
            }
        }
    }
    .unwrap();
}

/// What must not depend on the order: everything but ids, and the order within a second.
#[derive(Debug, PartialEq)]
struct Contents {
    conversations: BTreeMap<(ContactId, Channel), Shown>,
    /// The times of a list, which its rows are ordered by.
    times: Vec<DateTime<Utc>>,
    totals: Vec<u64>,
    unmatched: u64,
}

#[derive(Debug, PartialEq)]
struct Shown {
    status: Status,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    unread_count: u64,
    /// By their times and provider's ids.
    messages: Vec<Message>,
}

/// The provider's ids of the messages of a conversation as they must be listed: by their times, and those
/// of one second as they came first.
fn listed(lines: &[Line], of: &(ContactId, Channel)) -> Vec<ProviderId> {
    let mut known: Vec<(DateTime<Utc>, ProviderId)> = Vec::new();
    for line in lines {
        let Line::Message {
            number,
            contact: from,
            age_s,
            ..
        } = line
        else {
            continue;
        };
        let id = provider_id(*number);
        let is_of = (contact(*from), channel(*number)) == *of;
        if is_of && known.iter().all(|(_, other)| *other != id) {
            known.push((ago(*age_s), id));
        }
    }
    known.sort_by_key(|(sent_at, _)| *sent_at);
    known.into_iter().map(|(_, id)| id).collect()
}

fn applied(lines: &[Line]) -> Contents {
    let store = options(&clock()).open_in_memory().unwrap();
    for line in lines {
        apply(&store, line);
    }
    assert!(store.verify().unwrap().is_clean());
    let request = PageRequest::number(1, 100).unwrap();
    let page = store.list(&Filter::all(), request).unwrap();
    let none = convodb::ConversationId::from_parts(0, 0);
    let conversations = page.data.iter().map(|conversation| {
        let of = (conversation.contact_id.clone(), conversation.channel);
        let mut messages = store.transcript(conversation.id).unwrap().messages;
        let ids: Vec<_> = messages
            .iter()
            .flat_map(|it| it.provider_id.clone())
            .collect();
        assert_eq!(ids, listed(lines, &of));
        messages.sort_by_key(|message| (message.created_at, message.provider_id.clone()));
        let shown = Shown {
            status: conversation.status,
            created_at: conversation.created_at,
            updated_at: conversation.updated_at,
            unread_count: conversation.unread_count,
            messages: messages
                .into_iter()
                .map(|mut message| {
                    message.conversation_id = none;
                    message.id = convodb::MessageId::from_parts(0, 0);
                    message
                })
                .collect(),
        };
        (of, shown)
    });
    Contents {
        conversations: conversations.collect(),
        times: page.data.iter().map(|row| row.updated_at).collect(),
        totals: Channel::ALL
            .iter()
            .map(|channel| Filter::all().channel(*channel))
            .flat_map(|filter| [filter.clone().unread(), filter])
            .map(|filter| store.count(&filter).unwrap())
            .collect(),
        unmatched: store.stats().unwrap().unmatched,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48 / SLOWER))]

    #[test]
    fn a_log_in_any_order_and_repetition_leaves_the_same(
        (log, shuffled, repeated) in log().prop_flat_map(|log| {
            let shuffled = Just(log.clone()).prop_shuffle();
            let again = prop::collection::vec(0..log.len(), 0..log.len());
            (Just(log), shuffled, again)
        }),
    ) {
        let mut twice = shuffled.clone();
        for (at, line) in repeated.iter().enumerate() {
            let place = (at * 7) % (twice.len() + 1);
            twice.insert(place, log[*line].clone());
        }
        let expected = applied(&log);
        prop_assert_eq!(&applied(&shuffled), &expected);
        prop_assert_eq!(&applied(&twice), &expected);
    }
}
