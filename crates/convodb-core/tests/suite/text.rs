//! Halves of surrogate pairs in JSON.

use std::borrow::Cow;

use convodb_core::repair_surrogates;

fn repaired(json: &[u8]) -> Vec<u8> {
    let repaired = repair_surrogates(json);
    let text: Result<String, _> = serde_json::from_slice(&repaired);
    assert!(text.is_ok(), "{:?}", String::from_utf8_lossy(&repaired));
    repaired.into_owned()
}

#[test]
fn half_a_pair_becomes_a_replacement_character() {
    for (json, expected) in [
        (r#""a \ud83d""#, r#""a \ufffd""#),
        (r#""\uDE00 a""#, r#""\ufffd a""#),
        (r#""\ud83d\ud83d""#, r#""\ufffd\ufffd""#),
        (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
        (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
        (r#""\ud83d\u0041""#, r#""\ufffd\u0041""#),
        (r#""\ud83d\n""#, r#""\ufffd\n""#),
        (r#""\\\ud83d""#, r#""\\\ufffd""#),
    ] {
        assert_eq!(repaired(json.as_bytes()), expected.as_bytes(), "{json}");
    }
    let encoded = b"\"a \xED\xA0\xBD b\xED\xB8\x80\"";
    assert_eq!(repaired(encoded), "\"a \u{FFFD} b\u{FFFD}\"".as_bytes());
}

#[test]
fn all_else_is_left_as_it_is_and_not_copied() {
    for json in [
        r#""\ud83d\ude00 and \uD83D\uDE00""#.as_bytes(),
        br#""\\ud83d""#,
        br#""\u00e9 \ud7ff \ue000""#,
        "\"é 😀 \u{D7FF}\u{E000}\"".as_bytes(),
        br#""\ud83"#,
        br#""\u""#,
        b"\"\\",
        b"\xED\xA0",
        b"\xFF\x00",
        b"",
    ] {
        let repaired = repair_surrogates(json);
        assert!(matches!(repaired, Cow::Borrowed(_)), "{json:?}");
        assert_eq!(&*repaired, json);
    }
}
