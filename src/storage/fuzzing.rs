//! Decoding of arbitrary bytes as records, keys and changes, for the fuzz targets and a short run of the same in the tests.

use convodb_core::{ConversationId, MessageId, NoteId};

use super::keys::{self, IndexKey};
use super::records::{
    AssigneeV1, ConsumerV1, ConversationV1, EventV1, HeadV1, IdentityV1, MessageTimeV1, MessageV1,
    MovedV1, NoteV1, RowV1, ThreadV1,
};
use super::{changes, codec};
use crate::index::{self, Total};

type Checked = Result<(), &'static str>;

/// Twelve records, changes, ten keys and counters, and what records say.
const KINDS: u8 = 24;

macro_rules! check {
    ($record:ty, $payload:expr) => {{
        // As it came it fails at its checksum; in a frame of its own, at what it says.
        let _ = codec::decode::<$record>(b"key", $payload);
        let framed = codec::frame::<$record>(b"key", $payload);
        match codec::decode::<$record>(b"key", &framed) {
            Ok(record) => {
                let again = codec::encode(b"key", &record).unwrap_or_default();
                codec::decode::<$record>(b"key", &again).is_ok_and(|same| same == record)
            }
            Err(_) => true,
        }
    }};
}

/// Whether a key that can be parsed is the key of what it says.
fn key_survives<T>(
    parse: impl Fn(&[u8]) -> convodb_core::Result<T>,
    key: impl Fn(&T) -> Vec<u8>,
    bytes: &[u8],
) -> bool {
    parse(bytes).map_or(true, |parsed| key(&parsed) == bytes)
}

fn index_key(key: &IndexKey) -> Vec<u8> {
    let position = keys::position(key.updated_at, key.id);
    key.stream.stream().key(&position).to_vec()
}

/// What a record says besides being one: it is refused or it is a value of the domain.
fn interpret(payload: &[u8]) {
    let (conversation, message) = (ConversationId::from_raw(1), MessageId::from_raw(2));
    let framed = codec::frame::<MessageV1<'_>>(b"key", payload);
    if let Ok(record) = codec::decode::<MessageV1<'_>>(b"key", &framed) {
        let _ = record.into_message(conversation, chrono::DateTime::default(), message);
    }
    let framed = codec::frame::<NoteV1<'_>>(b"key", payload);
    if let Ok(record) = codec::decode::<NoteV1<'_>>(b"key", &framed) {
        let _ = record.into_note(
            conversation,
            chrono::DateTime::default(),
            NoteId::from_raw(3),
        );
    }
    let framed = codec::frame::<EventV1<'_>>(b"key", payload);
    if let Ok(record) = codec::decode::<EventV1<'_>>(b"key", &framed) {
        let _ = record.into_event(1);
    }
    let framed = codec::frame::<AssigneeV1<'_>>(b"key", payload);
    if let Ok(record) = codec::decode::<AssigneeV1<'_>>(b"key", &framed) {
        let _ = record.id(payload);
    }
    let framed = codec::frame::<MovedV1<'_>>(b"key", payload);
    if let Ok(record) = codec::decode::<MovedV1<'_>>(b"key", &framed) {
        let _ = (record.id(), record.at(), record.actor());
    }
}

/// Decodes bytes as the kind of record or key that the first of them names, or as a change. What
/// can be decoded must be the same after it was encoded again.
pub(crate) fn check_decoding(data: &[u8]) -> Checked {
    let Some((kind, payload)) = data.split_first() else {
        return Ok(());
    };
    let survives = match kind % KINDS {
        0 => check!(ConversationV1<'_>, payload),
        1 => check!(RowV1<'_>, payload),
        2 => check!(MessageV1<'_>, payload),
        3 => check!(NoteV1<'_>, payload),
        4 => check!(AssigneeV1<'_>, payload),
        5 => check!(ThreadV1, payload),
        6 => check!(MessageTimeV1, payload),
        7 => check!(IdentityV1, payload),
        8 => check!(HeadV1, payload),
        10 => key_survives(
            keys::parse_message,
            |(conversation, at, id)| keys::message(*conversation, *at, *id).to_vec(),
            payload,
        ),
        11 => key_survives(
            keys::parse_note,
            |(conversation, at, id)| keys::note(*conversation, *at, *id).to_vec(),
            payload,
        ),
        12 => key_survives(
            keys::parse_message_time,
            |(conversation, id)| keys::message_time(*conversation, *id).to_vec(),
            payload,
        ),
        13 => key_survives(keys::parse_index, index_key, payload),
        14 => key_survives(Total::decode, |total| total.encode().to_vec(), payload),
        15 => index::parse_node_key(payload).is_none_or(|(level, stream, first)| {
            let kind = payload.first().copied().unwrap_or_default();
            index::node_key(kind, level, &stream, &first)[..] == *payload
        }),
        16 => {
            interpret(payload);
            true
        }
        17 => check!(EventV1<'_>, payload),
        18 => check!(ConsumerV1, payload),
        19 => key_survives(
            keys::parse_event,
            |sequence| keys::event(*sequence).to_vec(),
            payload,
        ),
        20 => key_survives(
            keys::parse_history,
            |(conversation, sequence)| keys::history(*conversation, *sequence).to_vec(),
            payload,
        ),
        21 => key_survives(keys::parse_consumer, keys::consumer, payload),
        22 => check!(MovedV1<'_>, payload),
        23 => key_survives(
            keys::parse_moved,
            |bucket| keys::moved(*bucket).to_vec(),
            payload,
        ),
        _ => !changes::decode(payload).is_ok_and(|change| !changes::is_complete(&change)),
    };
    if survives {
        Ok(())
    } else {
        Err("what was decoded does not survive encoding")
    }
}

#[cfg(test)]
mod tests {
    use super::check_decoding;

    #[test]
    fn arbitrary_bytes_are_refused_or_survive_encoding() {
        for seed in 0..1_000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut data = vec![0; rng.usize(0..100)];
            rng.fill(&mut data);
            assert_eq!(check_decoding(&data), Ok(()), "seed {seed}");
        }
    }

    #[test]
    fn a_key_of_zeros_survives_encoding() {
        let mut data = [0; 35];
        data[0] = 100;
        assert_eq!(check_decoding(&data), Ok(()));
    }
}
