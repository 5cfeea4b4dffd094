//! What shows that a request is Meta's.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

const DIGEST_BYTES: usize = 32;
const MAX_CHALLENGE_BYTES: usize = 256;

/// Whether a post was signed with the secret of the app: `header` is the value of
/// `X-Hub-Signature-256`, and `body` its body as it was received.
///
/// The digits may be of either case. The comparison takes the same time wherever the signatures differ.
/// An empty secret verifies nothing.
///
/// *Complexity:* O(bytes).
///
/// ```
/// use convodb_meta::verify_signature;
///
/// // printf '{}' | openssl dgst -sha256 -hmac secret
/// let header = "sha256=77325902caca812dc259733aacd046b73817372c777b8d95b402647474516e13";
/// assert!(verify_signature("secret", Some(header), b"{}"));
/// assert!(!verify_signature("another", Some(header), b"{}"));
/// assert!(!verify_signature("secret", None, b"{}"));
/// ```
pub fn verify_signature(app_secret: &str, header: Option<&str>, body: &[u8]) -> bool {
    let Some(given) = header.and_then(digest) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()) else {
        return false;
    };
    mac.update(body);
    let expected = mac.finalize().into_bytes();
    !app_secret.is_empty() && bool::from(expected.as_slice().ct_eq(&given))
}

fn digest(header: &str) -> Option<[u8; DIGEST_BYTES]> {
    let digits = header.trim().strip_prefix("sha256=")?.as_bytes();
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok())
        .collect();
    bytes?.try_into().ok()
}

/// The answer to Meta's question whether an address belongs to the app, by the decoded parameters of
/// its query: the value of `hub.challenge`, if `hub.mode` is `subscribe` and `hub.verify_token` is the
/// token. Answer it as plain text, and 403 where there is none.
///
/// The tokens are compared in constant time. An empty token verifies nothing.
///
/// ```
/// use convodb_meta::challenge;
///
/// let query = [
///     ("hub.mode", "subscribe"),
///     ("hub.challenge", "1158201444"),
///     ("hub.verify_token", "meatyhamhock"),
/// ];
/// assert_eq!(challenge(query, "meatyhamhock").as_deref(), Some("1158201444"));
/// assert_eq!(challenge(query, "another"), None);
/// ```
pub fn challenge<'a>(
    query: impl IntoIterator<Item = (&'a str, &'a str)>,
    verify_token: &str,
) -> Option<String> {
    let (mut mode, mut token, mut challenge) = (None, None, None);
    for (name, value) in query {
        let known = match name {
            "hub.mode" => &mut mode,
            "hub.verify_token" => &mut token,
            "hub.challenge" => &mut challenge,
            _ => continue,
        };
        if known.replace(value).is_some() {
            return None;
        }
    }
    // A digest, so that the time does not depend on the length.
    let of = |token: &str| <Sha256 as sha2::Digest>::digest(token.as_bytes());
    let is_known: bool = of(token?)
        .as_slice()
        .ct_eq(of(verify_token).as_slice())
        .into();
    let challenge = challenge.filter(|text| {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        is_plain && (1..=MAX_CHALLENGE_BYTES).contains(&text.len())
    })?;
    let is_meant = is_known && !verify_token.is_empty() && mode == Some("subscribe");
    is_meant.then(|| challenge.to_owned())
}
