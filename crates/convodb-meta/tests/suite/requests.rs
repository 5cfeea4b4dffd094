//! Signatures and the handshake.

use convodb_meta::{challenge, verify_signature};

use crate::common::payload;

/// `openssl dgst -sha256 -hmac secret`.
const BODY: &[u8] = br#"{"object":"page","entry":[]}"#;
const DIGITS: &str = "550e646d4869f9eaf9e56ccc2b73b528c8d3aac4a24ff137e0a26e3e45bbd075";

#[test]
fn a_signature_is_of_this_secret_and_these_bytes() {
    let valid = format!("sha256={DIGITS}");
    let verify = |header: &str| verify_signature("secret", Some(header), BODY);
    assert!(verify(&valid));
    assert!(verify(&format!("sha256={}", DIGITS.to_uppercase())));
    for wrong in [
        "",
        "sha256=",
        DIGITS,
        &format!("sha1={DIGITS}"),
        &format!("SHA256={DIGITS}"),
        &valid[..valid.len() - 1],
        &valid[..valid.len() - 2],
        &format!("{valid}0"),
        &format!("{valid}00"),
        &format!("sha256={}", DIGITS.replace('0', "1")),
        &format!("sha256=+{}", &DIGITS[1..]),
        &format!("sha256={}", "é".repeat(32)),
    ] {
        assert!(!verify(wrong), "{wrong}");
    }
    assert!(!verify_signature("secret", None, BODY));
    assert!(!verify_signature("Secret", Some(&valid), BODY));
    assert!(!verify_signature("", Some(&valid), BODY));
    assert!(!verify_signature(
        "secret",
        Some(&valid),
        &payload("messenger/text")
    ));
    assert!(!verify_signature("secret", Some(&valid), b""));
}

#[test]
fn a_bit_of_the_body_changes_its_signature() {
    let valid = format!("sha256={DIGITS}");
    for place in 0..BODY.len() * 8 {
        let mut body = BODY.to_vec();
        body[place / 8] ^= 1 << (place % 8);
        assert!(!verify_signature("secret", Some(&valid), &body));
    }
}

#[test]
fn a_handshake_needs_the_mode_the_token_and_a_challenge() {
    let full = [
        ("hub.mode", "subscribe"),
        ("hub.verify_token", "token"),
        ("hub.challenge", "1158201444"),
    ];
    let answer = |query: &[(&'static str, &'static str)]| challenge(query.iter().copied(), "token");
    assert_eq!(answer(&full).as_deref(), Some("1158201444"));
    let with = |index: usize, value: &'static str| {
        let mut query = full;
        query[index].1 = value;
        answer(&query)
    };
    for (index, value) in [
        (0, "unsubscribe"),
        (0, ""),
        (1, "Token"),
        (1, "toke"),
        (1, ""),
        (2, ""),
        (2, "<script>\n"),
        (2, "é"),
    ] {
        assert_eq!(with(index, value), None, "{value}");
    }
    for missing in 0..3 {
        let mut query = full.to_vec();
        query.remove(missing);
        assert_eq!(answer(&query), None);
    }
    let twice = [&full[..], &full[1..2]].concat();
    assert_eq!(answer(&twice), None);
    assert_eq!(challenge(full, ""), None);
    let empty = [
        ("hub.mode", "subscribe"),
        ("hub.verify_token", ""),
        ("hub.challenge", "1"),
    ];
    assert_eq!(challenge(empty, ""), None);
}
