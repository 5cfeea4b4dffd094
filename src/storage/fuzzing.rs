//! Decoding of arbitrary bytes, for the fuzz targets and a short run of the same in the tests.

use super::records::{
    AssigneeV1, ConversationV1, HeadV1, IdentityV1, MessageTimeV1, MessageV1, NoteV1, RowV1,
    ThreadV1,
};
use super::{changes, codec};

type Checked = Result<(), &'static str>;

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

/// Decodes bytes as the kind of record that the first of them names, or as a change. What can be
/// decoded must be the same after it was encoded again.
pub(crate) fn check_decoding(data: &[u8]) -> Checked {
    let Some((kind, payload)) = data.split_first() else {
        return Ok(());
    };
    let survives = match kind % 10 {
        0 => check!(ConversationV1<'_>, payload),
        1 => check!(RowV1<'_>, payload),
        2 => check!(MessageV1<'_>, payload),
        3 => check!(NoteV1<'_>, payload),
        4 => check!(AssigneeV1<'_>, payload),
        5 => check!(ThreadV1, payload),
        6 => check!(MessageTimeV1, payload),
        7 => check!(IdentityV1, payload),
        8 => check!(HeadV1, payload),
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
    use proptest::prelude::*;

    use super::check_decoding;

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused_or_survive_encoding(data: Vec<u8>) {
            prop_assert_eq!(check_decoding(&data), Ok(()));
        }
    }
}
