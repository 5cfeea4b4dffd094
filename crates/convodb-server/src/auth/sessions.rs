//! Sessions of browsers, in the memory of this process.
//!
//! Invariant: their number and their time are bounded.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;

use super::{Digest, digest, hex};
use crate::errors::ApiError;

/// From the opening on.
pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// Sessions that may be open with a key; the next one ends the oldest of the key.
const MOST: usize = 1_000;

/// The digest of the token of a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Token(Digest);

impl Token {
    pub(super) fn of(token: &str) -> Self {
        Self(digest(token))
    }
}

/// What a session may do is what its key may do.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) key: Digest,
    pub(super) actor: Option<String>,
    ends: Instant,
}

#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<Token, Session>>);

impl Sessions {
    /// Opens a session, and returns its token.
    pub(super) fn open(&self, key: Digest, actor: Option<String>) -> Result<String, ApiError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| {
            tracing::error!("no token can be made: {error}");
            ApiError::of(StatusCode::INTERNAL_SERVER_ERROR)
        })?;
        let token = hex(&bytes);
        let now = Instant::now();
        let session = Session {
            key,
            actor,
            ends: now + LIFETIME,
        };
        self.insert(Token::of(&token), session, now);
        Ok(token)
    }

    fn insert(&self, token: Token, session: Session, now: Instant) {
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.ends > now);
        let of_key = || {
            sessions
                .iter()
                .filter(|(_, other)| other.key == session.key)
        };
        if of_key().count() >= MOST {
            let oldest = of_key().min_by_key(|(_, session)| session.ends);
            let oldest = oldest.map(|(token, _)| *token);
            oldest.and_then(|token| sessions.remove(&token));
        }
        sessions.insert(token, session);
    }

    pub(super) fn get(&self, token: &Token) -> Option<Session> {
        let sessions = self.lock();
        let session = sessions.get(token)?;
        (session.ends > Instant::now()).then(|| session.clone())
    }

    pub(crate) fn end(&self, token: &Token) {
        self.lock().remove(token);
    }

    /// Ends the sessions of all keys but these.
    pub(super) fn keep(&self, is_valid: impl Fn(&Digest) -> bool) {
        self.lock().retain(|_, session| is_valid(&session.key));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Token, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_its_time_is_over_or_it_is_ended() -> anyhow::Result<()> {
        let sessions = Sessions::default();
        let open = || sessions.open([7; 32], Some("usr_1".to_owned()));
        let token = open().map_err(|error| anyhow::anyhow!("{error}"))?;
        assert_eq!(token.len(), 64);
        let token = Token::of(&token);
        let session = sessions.get(&token);
        assert_eq!(session.and_then(|it| it.actor).as_deref(), Some("usr_1"));
        sessions.end(&token);
        assert!(sessions.get(&token).is_none());

        let past = Session {
            key: [7; 32],
            actor: None,
            ends: Instant::now(),
        };
        sessions.insert(token, past, Instant::now());
        assert!(sessions.get(&token).is_none());
        Ok(())
    }

    #[test]
    fn one_session_more_than_there_may_be_ends_the_oldest() {
        let sessions = Sessions::default();
        let now = Instant::now();
        let token = |number: usize| Token::of(&number.to_string());
        let another = Session {
            key: [8; 32],
            actor: None,
            ends: now + LIFETIME,
        };
        sessions.insert(Token::of("of another key"), another, now);
        for number in 0..=MOST {
            let session = Session {
                key: [7; 32],
                actor: None,
                ends: now + LIFETIME + Duration::from_millis(number as u64),
            };
            sessions.insert(token(number), session, now);
        }
        assert_eq!(sessions.lock().len(), MOST + 1);
        assert!(sessions.get(&Token::of("of another key")).is_some());
        assert!(sessions.get(&token(0)).is_none());
        assert!(sessions.get(&token(1)).is_some() && sessions.get(&token(MOST)).is_some());
    }
}
