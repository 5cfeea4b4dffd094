//! Authorization: a request carries one of the API keys.
//!
//! Invariant: only the digest of a key is kept, and no key is printed.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use crate::errors::ApiError;
use crate::limits::RateLimit;

type KeyDigest = [u8; 32];

/// The keys that are valid, and what each has used of its limit.
pub(crate) struct Keys {
    digests: Vec<KeyDigest>,
    /// One a key where there is a limit.
    limits: Vec<RateLimit>,
}

impl Keys {
    pub(crate) fn new(keys: &[String], requests_a_minute: Option<NonZeroU32>) -> Self {
        Self {
            digests: keys.iter().map(|key| digest(key)).collect(),
            limits: requests_a_minute
                .map(|requests| keys.iter().map(|_| RateLimit::a_minute(requests)).collect())
                .unwrap_or_default(),
        }
    }

    /// The index of the key. Every key is compared as a whole, so the time that it takes does not
    /// depend on how much of a key is right, or which one.
    fn find(&self, presented: &str) -> Option<usize> {
        let presented = digest(presented);
        // The index of the key plus one; 0 is none.
        let found = (1..).zip(&self.digests).fold(0, |found, (place, known)| {
            u64::conditional_select(&found, &place, presented.ct_eq(known))
        });
        usize::try_from(found).ok()?.checked_sub(1)
    }

    fn admit(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let key = bearer(headers).and_then(|presented| self.find(presented));
        let key = key.ok_or_else(|| ApiError::of(StatusCode::UNAUTHORIZED))?;
        match self.limits.get(key) {
            Some(limit) => limit.take(Instant::now()).map_err(ApiError::rate_limited),
            None => Ok(()),
        }
    }
}

fn digest(key: &str) -> KeyDigest {
    Sha256::digest(key).into()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    // Two of them would leave it to chance which one counts.
    let single = values.next().is_none();
    (single && scheme.eq_ignore_ascii_case("Bearer")).then(|| key.trim())
}

/// Lets a request pass that shows a key, before anything else is made of it.
pub(crate) async fn require_key(
    State(keys): State<Arc<Keys>>,
    request: Request,
    next: Next,
) -> Response {
    match keys.admit(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn keys() -> Keys {
        Keys::new(&["first".to_owned(), "second".to_owned()], None)
    }

    fn admitted(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        keys().admit(&headers).is_ok()
    }

    #[test]
    fn each_key_is_found_and_nothing_else() {
        assert_eq!(keys().find("first"), Some(0));
        assert_eq!(keys().find("second"), Some(1));
        for wrong in ["", "f", "firs", "firstt", "FIRST", "third", "first,second"] {
            assert_eq!(keys().find(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_is_shown_as_one_bearer_token() {
        assert!(admitted(&["Bearer first"]));
        assert!(admitted(&["bearer  second"]));
        for refused in [
            &[][..],
            &["first"],
            &["Bearer"],
            &["Bearer "],
            &["Basic first"],
            &["Bearer first second"],
            &["Bearer first", "Bearer first"],
            &["Bearer wrong", "Bearer first"],
        ] {
            assert!(!admitted(refused), "{refused:?}");
        }
    }
}
