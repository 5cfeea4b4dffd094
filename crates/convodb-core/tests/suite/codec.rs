//! Values as bytes.

use convodb_core::codec::{CodecError, from_bytes, to_bytes};
use convodb_core::*;
use serde::Serialize;

use crate::given::now;

#[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
struct Stamp(#[serde(with = "time")] chrono::DateTime<chrono::Utc>);

fn bytes(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    to_bytes(value, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_value_is_decoded_to_its_last_byte() {
    let id = ConversationId::from_parts(7, 7);
    let mut bytes = bytes(&id);
    assert_eq!(from_bytes::<ConversationId>(&bytes).unwrap(), id);
    bytes.push(0);
    let error = from_bytes::<ConversationId>(&bytes).unwrap_err();
    assert!(matches!(error, CodecError::LeftOver));
    let cut = from_bytes::<ConversationId>(&bytes[..5]).unwrap_err();
    assert!(matches!(cut, CodecError::Malformed(_)));
}

#[test]
fn times_and_texts_out_of_bounds_are_refused() {
    assert_eq!(
        from_bytes::<Stamp>(&bytes(&Stamp(now()))).unwrap(),
        Stamp(now())
    );
    assert!(from_bytes::<Stamp>(&bytes(&-1_i64)).is_err());
    assert!(from_bytes::<Stamp>(&bytes(&253_402_300_800_000_000_i64)).is_err());
    assert!(from_bytes::<UserId>(&bytes(&"alice")).is_err());
    assert!(from_bytes::<IdempotencyKey>(&bytes(&"")).is_err());
}

#[test]
fn a_length_is_at_most_that_of_the_payload() {
    for len in [10, 64 << 10, 5 << 20] {
        let text = bytes(&"x".repeat(len));
        assert!(from_bytes::<String>(&text).is_ok());
        assert!(from_bytes::<String>(&text[..text.len() - 1]).is_err());
    }
    let longer = bytes(&u64::MAX);
    assert!(from_bytes::<String>(&longer).is_err());
    assert!(from_bytes::<Vec<String>>(&longer).is_err());
}
