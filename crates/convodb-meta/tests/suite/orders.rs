//! Payloads come in any order, and some come twice.

use convodb::ErrorKind;
use serde_json::{Value, json};

use crate::common::{messages, payload, payloads, post, store};
use crate::store::{SLOWER, Store, test};
use crate::threads::send_own;

const SHUFFLES: u32 = 60 / SLOWER;

/// The messages by the provider's ids, without their own and without those of their conversations.
fn shown(store: &Store) -> Vec<Value> {
    let mut messages = messages(store);
    for message in &mut messages {
        let fields = message.as_object_mut().unwrap();
        fields.remove("id");
        fields.remove("conversation_id");
        // The provider's id beside it names the same message.
        if let Some(answered) = fields.get_mut("reply_to")
            && let Some(id) = answered.get_mut("message_id")
        {
            *id = json!("known");
        }
    }
    messages.sort_by_key(|message| message["provider_id"].to_string());
    messages
}

/// What a store shows after bodies in this order.
fn after(channel: &str, bodies: &[&(String, Vec<u8>)]) -> Vec<Value> {
    let (store, _) = store();
    send_own(&store, channel);
    posted(&store, bodies)
}

fn posted(store: &Store, bodies: &[&(String, Vec<u8>)]) -> Vec<Value> {
    for (name, body) in bodies {
        for error in post(store, body) {
            // The reference of a status may be of no message.
            let is_known = matches!(error.kind(), ErrorKind::Revoked | ErrorKind::NotFound);
            assert!(is_known, "{name}: {error}");
        }
    }
    shown(store)
}

/// The medium of an old message comes after the message.
fn put_medium_last(order: &mut [&(String, Vec<u8>)]) {
    let place = |name| order.iter().position(|(known, _)| known == name);
    if let (Some(history), Some(medium)) = (place("history"), place("history_media"))
        && medium < history
    {
        order.swap(history, medium);
    }
}

/// Some of the payloads twice, in an order of this seed.
fn shuffled<'a>(
    bodies: &'a [(String, Vec<u8>)],
    random: &mut fastrand::Rng,
) -> Vec<&'a (String, Vec<u8>)> {
    let again = bodies.iter().filter(|(name, _)| *name != "history_media");
    let again: Vec<_> = again.filter(|_| random.bool()).collect();
    let mut order: Vec<_> = again.into_iter().chain(bodies).collect();
    random.shuffle(&mut order);
    put_medium_last(&mut order);
    order
}

#[test]
fn every_order_gives_the_same_messages_of_a_store_that_sent_none() {
    for channel in ["whatsapp", "messenger", "instagram"] {
        let mut bodies = payloads(channel);
        // A watermark is that of a conversation, which is then not there yet.
        bodies.retain(|(name, _)| name != "read_watermark");
        let expected = posted(&store().0, &bodies.iter().collect::<Vec<_>>());
        for seed in 0..u64::from(SHUFFLES / 2) {
            let order = shuffled(&bodies, &mut fastrand::Rng::with_seed(seed));
            let names: Vec<_> = order.iter().map(|(name, _)| name).collect();
            let found = posted(&store().0, &order);
            assert_eq!(found, expected, "{channel}, {seed}: {names:?}");
        }
    }
}

#[test]
fn every_order_gives_the_same_messages() {
    for channel in ["whatsapp", "messenger", "instagram"] {
        let bodies = payloads(channel);
        let expected = after(channel, &bodies.iter().collect::<Vec<_>>());
        for seed in 0..u64::from(SHUFFLES) {
            let order = shuffled(&bodies, &mut fastrand::Rng::with_seed(seed));
            let names: Vec<_> = order.iter().map(|(name, _)| name).collect();
            assert_eq!(
                after(channel, &order),
                expected,
                "{channel}, {seed}: {names:?}"
            );
        }
    }
}

pub(crate) fn permutations(of: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for next in 0..of {
        let longer = all.iter().flat_map(|known: &Vec<usize>| {
            (0..=known.len()).map(move |place| {
                let mut longer = known.clone();
                longer.insert(place, next);
                longer
            })
        });
        all = longer.collect();
    }
    all
}

#[test]
fn every_order_of_what_is_about_one_message_gives_the_same() {
    for group in [
        &["whatsapp/text", "whatsapp/edit", "whatsapp/revoke"][..],
        &[
            "whatsapp/status_sent",
            "whatsapp/status_read",
            "whatsapp/status_failed",
        ],
        &[
            "messenger/text",
            "messenger/message_edit",
            "messenger/reply_to",
        ],
        &[
            "messenger/echo_own_app",
            "messenger/reaction_add",
            "messenger/read_watermark",
        ],
        &[
            "instagram/text",
            "instagram/unsend",
            "instagram/seen",
            "instagram/reaction_remove",
        ],
    ] {
        let channel = group[0].split('/').next().unwrap();
        let mut bodies: Vec<_> = group
            .iter()
            .map(|path| ((*path).to_owned(), payload(path)))
            .collect();
        // The first one comes twice.
        bodies.push(bodies[0].clone());
        let expected = after(channel, &bodies.iter().collect::<Vec<_>>());
        for order in permutations(bodies.len()).iter().step_by(SLOWER as usize) {
            let order: Vec<_> = order.iter().map(|index| &bodies[*index]).collect();
            let names: Vec<_> = order.iter().map(|(name, _)| name).collect();
            assert_eq!(after(channel, &order), expected, "{names:?}");
        }
    }
}

#[test]
fn what_comes_twice_changes_nothing() {
    for channel in ["whatsapp", "messenger", "instagram"] {
        let (store, _) = store();
        send_own(&store, channel);
        for (name, body) in payloads(channel) {
            post(&store, &body);
            let (before, events) = (shown(&store), store.stats().unwrap());
            post(&store, &body);
            assert_eq!(shown(&store), before, "{channel}/{name}");
            let again = store.stats().unwrap();
            assert_eq!(again.newest_event, events.newest_event, "{channel}/{name}");
        }
    }
}
