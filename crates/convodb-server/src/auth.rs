//! Authorization: a request carries an API key, or the cookie of a session that was opened with one.
//!
//! [`require`] protects the routes of a router, and says what their requests need. The routes of another need are
//! protected for themselves, and merged:
//!
//! ```ignore
//! let v1 = require(v1, &keys, Need::ByMethod);
//! let admin = Router::new().route("/admin/stats", get(stats));
//! let v1 = v1.merge(require(admin, &keys, Need::Scope(Scope::Admin)));
//! ```
//!
//! A request without its scope is answered 403, and one without a key 401. A handler behind it has who asks in
//! [`Access`], an extractor. Each request to a router of [`Scope::Admin`] is a line in the log, of the target `audit`.
//!
//! Invariant: only the digests of keys and tokens are kept, and none of them is printed.

mod audit;
mod browser;
pub(crate) mod file;
mod sessions;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use axum::Router;
use axum::extract::{FromRequestParts, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use convodb::{Author, AuthorType};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};
use tower_http::validate_request::ValidateRequestHeaderLayer;

use crate::errors::ApiError;
use crate::limits::RateLimit;
use crate::request::ACTOR;
use sessions::{Sessions, Token};

/// How the names of keys of the command line begin, and no others.
const COMMAND_LINE: &str = "api-key-";

/// SHA-256 of a key or of a token.
type Digest = [u8; 32];

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    Read,
    Write,
    Admin,
    Webhooks,
    Metrics,
}

impl Scope {
    const ALL: [Self; 5] = [
        Self::Read,
        Self::Write,
        Self::Admin,
        Self::Webhooks,
        Self::Metrics,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
            Self::Webhooks => "webhooks",
            Self::Metrics => "metrics",
        }
    }
}

/// What a request needs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Need {
    /// A key, whatever its scopes.
    Key,
    /// The scope `read` to read, and `write` for every other method.
    ByMethod,
    /// This scope.
    Scope(Scope),
}

impl Need {
    fn scope(self, method: &Method) -> Option<Scope> {
        match self {
            Self::Key => None,
            Self::ByMethod if method.is_safe() => Some(Scope::Read),
            Self::ByMethod => Some(Scope::Write),
            Self::Scope(scope) => Some(scope),
        }
    }
}

/// An API key, without the key itself.
pub(crate) struct Key {
    pub(crate) name: String,
    digest: Digest,
    pub(crate) scopes: BTreeSet<Scope>,
    /// Whether it may name the user who acts.
    pub(crate) acts_for_others: bool,
    requests_a_minute: Option<NonZeroU32>,
    limit: Option<Arc<RateLimit>>,
}

impl Key {
    fn is_of_command_line(&self) -> bool {
        self.name.starts_with(COMMAND_LINE)
    }

    fn take_from_limit(&self) -> Result<(), ApiError> {
        match &self.limit {
            Some(limit) => limit.take(Instant::now()).map_err(ApiError::rate_limited),
            None => Ok(()),
        }
    }
}

/// The keys that are valid, and the sessions that were opened with them.
pub(crate) struct Keys {
    /// Those of the command line, and then those of the file.
    keys: RwLock<Arc<[Arc<Key>]>>,
    sessions: Sessions,
    /// Whether cookies are `Secure` whatever a request says.
    secure_cookies: bool,
}

/// Who asks: a key, or a session that was opened with it.
#[derive(Clone)]
pub(crate) struct Access {
    keys: Arc<Keys>,
    pub(crate) key: Arc<Key>,
    session: Option<Token>,
    /// The user for whom the session was opened.
    pub(crate) actor: Option<String>,
}

impl Access {
    pub(crate) const fn is_by_cookie(&self) -> bool {
        self.session.is_some()
    }

    /// Whether the key is still valid and has a scope, and the session has not ended.
    pub(crate) fn still_has(&self, scope: Scope) -> bool {
        let key = match &self.session {
            Some(token) => self.keys.session(token).map(|(key, _)| key),
            None => self.keys.known(&self.key.digest),
        };
        key.is_some_and(|key| key.scopes.contains(&scope))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Access {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let access = parts.extensions.get().cloned();
        access.ok_or_else(ApiError::no_key)
    }
}

impl Keys {
    /// Those of the command line, which may do everything.
    pub(crate) fn new(keys: &[String], requests_a_minute: Option<NonZeroU32>) -> Self {
        let keys = (1..).zip(keys).map(|(number, key)| {
            Arc::new(Key {
                name: format!("{COMMAND_LINE}{number}"),
                digest: digest(key),
                scopes: BTreeSet::from(Scope::ALL),
                acts_for_others: true,
                requests_a_minute,
                limit: requests_a_minute.map(RateLimit::a_minute).map(Arc::new),
            })
        });
        Self {
            keys: RwLock::new(keys.collect()),
            sessions: Sessions::default(),
            secure_cookies: false,
        }
    }

    pub(crate) fn with_secure_cookies(self, secure_cookies: bool) -> Self {
        Self {
            secure_cookies,
            ..self
        }
    }

    fn current(&self) -> Arc<[Arc<Key>]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the keys of the file. What a key has used of its limit stays.
    fn replace(&self, of_file: Vec<Key>) {
        let known = self.current();
        let of_command_line = known.iter().filter(|key| key.is_of_command_line());
        let of_file = of_file.into_iter().map(|mut key| {
            let same = |old: &&Arc<Key>| {
                old.digest == key.digest && old.requests_a_minute == key.requests_a_minute
            };
            if let Some(old) = known.iter().find(same) {
                key.limit.clone_from(&old.limit);
            }
            Arc::new(key)
        });
        let keys: Arc<[_]> = of_command_line.cloned().chain(of_file).collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&keys);
        // Not to be taken up again where the key comes back.
        self.sessions
            .keep(|digest| keys.iter().any(|key| key.digest == *digest));
    }

    /// The key of a digest. Every key is compared as a whole, so the time that it takes does not
    /// depend on how much of a digest is right, or which one.
    fn known(&self, presented: &Digest) -> Option<Arc<Key>> {
        let keys = self.current();
        // The index of the key plus one; 0 is none.
        let found = (1..).zip(keys.iter()).fold(0, |found, (place, known)| {
            u64::conditional_select(&found, &place, presented.ct_eq(&known.digest))
        });
        let index = usize::try_from(found).ok()?.checked_sub(1)?;
        keys.get(index).cloned()
    }

    /// Admits a request that has what it needs, and leaves in its extensions who asks.
    fn admit(self: &Arc<Self>, need: Need, request: &mut Request) -> Result<(), ApiError> {
        let access = self.authenticate(request.headers());
        let access = access.ok_or_else(ApiError::no_key)?;
        request.extensions_mut().insert(access.clone());
        access.admit(request, need)
    }

    /// Who asks. A header with a key counts, and the cookie beside it does not.
    pub(crate) fn authenticate(self: &Arc<Self>, headers: &HeaderMap) -> Option<Access> {
        if headers.contains_key(AUTHORIZATION) {
            return Some(Access {
                keys: Arc::clone(self),
                key: self.known(&digest(bearer(headers)?))?,
                session: None,
                actor: None,
            });
        }
        let token = Token::of(browser::token(headers)?);
        let (key, actor) = self.session(&token)?;
        Some(Access {
            keys: Arc::clone(self),
            key,
            session: Some(token),
            actor,
        })
    }

    /// The key of a session, and the user for whom it was opened: it ends with the key's right to act for users.
    fn session(&self, token: &Token) -> Option<(Arc<Key>, Option<String>)> {
        let session = self.sessions.get(token)?;
        let key = self.known(&session.key)?;
        let is_allowed = session.actor.is_none() || key.acts_for_others;
        is_allowed.then_some((key, session.actor))
    }
}

impl Access {
    /// Checks that the key may name the user who acts, which a field of the request does.
    pub(crate) fn check_acts_for_others(&self, field: &str) -> Result<(), ApiError> {
        if self.key.acts_for_others {
            return Ok(());
        }
        let name = &self.key.name;
        Err(ApiError::denied(format!(
            "{field}: the key `{name}` may not act for others"
        )))
    }

    /// Checks that it may name an author: a user is one whom it may act as.
    pub(crate) fn check_author(&self, field: &str, author: &Author) -> Result<(), ApiError> {
        if author.r#type != AuthorType::User {
            return Ok(());
        }
        self.check_acts_for_others(field)?;
        if self.actor.is_some() && self.actor != author.id {
            return Err(ApiError::denied(format!(
                "{field}: the session acts as another user"
            )));
        }
        Ok(())
    }

    /// Checks that it may import, which brings what any user wrote.
    pub(crate) fn check_imports(&self) -> Result<(), ApiError> {
        self.check_acts_for_others("body")?;
        match self.actor {
            Some(_) => Err(ApiError::denied("body: the session acts as one user")),
            None => Ok(()),
        }
    }

    /// Opens a session with the key, and returns its cookie.
    pub(crate) fn open_session(
        &self,
        actor: Option<String>,
        headers: &HeaderMap,
    ) -> Result<HeaderValue, ApiError> {
        let token = self.keys.sessions.open(self.key.digest, actor)?;
        browser::session_cookie(&token, headers, self.keys.secure_cookies)
    }

    /// Ends the session, if it is one, and returns the cookie that replaces its own.
    pub(crate) fn end_session(&self, headers: &HeaderMap) -> Result<HeaderValue, ApiError> {
        if let Some(token) = &self.session {
            self.keys.sessions.end(token);
        }
        browser::no_cookie(headers, self.keys.secure_cookies)
    }

    /// Checks that it may do what it asks.
    fn admit(&self, request: &mut Request, need: Need) -> Result<(), ApiError> {
        self.key.take_from_limit()?;
        if self.is_by_cookie() && !request.method().is_safe() {
            browser::check_origin(request.headers())?;
        }
        let scope = need.scope(request.method());
        if let Some(missing) = scope.filter(|scope| !self.key.scopes.contains(scope)) {
            return Err(ApiError::denied(format!(
                "the key `{}` does not have the scope `{}`",
                self.key.name,
                missing.as_str()
            )));
        }
        self.act(request.headers_mut())
    }

    /// Checks who acts. A session for a user acts as this user without a header.
    fn act(&self, headers: &mut HeaderMap) -> Result<(), ApiError> {
        if headers.contains_key(ACTOR) {
            self.check_acts_for_others(ACTOR)?;
        }
        let Some(actor) = &self.actor else {
            return Ok(());
        };
        if headers.get_all(ACTOR).iter().any(|given| given != actor) {
            return Err(ApiError::denied(format!(
                "{ACTOR}: the session acts as another user"
            )));
        }
        if let Ok(actor) = HeaderValue::from_str(actor) {
            headers.insert(ACTOR, actor);
        }
        Ok(())
    }
}

fn digest(key: &str) -> Digest {
    Sha256::digest(key).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    // Two of them would leave it to chance which one counts.
    let single = values.next().is_none();
    (single && scheme.eq_ignore_ascii_case("Bearer")).then(|| key.trim())
}

/// Lets requests of a router pass that have what it needs, before anything else is made of them.
pub(crate) fn require<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    keys: &Arc<Keys>,
    need: Need,
) -> Router<S> {
    let keys = Arc::clone(keys);
    if let Need::Scope(Scope::Admin) = need {
        return router.layer(from_fn_with_state((keys, need), audit::admit));
    }
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let admit = move |request: &mut Request| {
        let admitted = keys.admit(need, request);
        admitted.map_err(ApiError::into_response)
    };
    // Without a future of its own, as every request comes through here.
    router.layer(ValidateRequestHeaderLayer::custom(admit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Arc<Keys> {
        let keys = ["first".to_owned(), "second".to_owned()];
        Arc::new(Keys::new(&keys, None))
    }

    fn admitted(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        keys().authenticate(&headers).is_some()
    }

    #[test]
    fn each_key_is_found_and_nothing_else() {
        let found = |key| keys().known(&digest(key)).map(|key| key.name.clone());
        assert_eq!(found("first").as_deref(), Some("api-key-1"));
        assert_eq!(found("second").as_deref(), Some("api-key-2"));
        for wrong in ["", "f", "firs", "firstt", "FIRST", "third", "first,second"] {
            assert_eq!(found(wrong), None, "{wrong}");
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
