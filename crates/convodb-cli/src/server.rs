//! The store of a running server, as the commands use it.

use std::env;
use std::io::{BufRead as _, BufReader, ErrorKind, Read};
use std::net::Ipv6Addr;
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use convodb::{
    Assignee, AssigneeId, Conversation, ConversationId, Event, EventSeq, Import, Message, Page,
    TeamId, UserId,
};
use convodb_upkeep::Statistics;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use ureq::http::{HeaderValue, Request, Response, StatusCode, Uri};
use ureq::{Agent, Body};

use crate::commands::Wait;
use crate::failure::Failure;
use crate::interrupt;

/// What has the key, so that it is in no list of processes.
const KEY: &str = "CONVODB_API_KEY";

/// For the connection alone: what is asked may take any time.
const CONNECTING: Duration = Duration::from_secs(10);

/// Between two attempts, and how long an interruption goes unnoticed.
const STEP: Duration = Duration::from_millis(100);

/// The types of answers.
const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const OCTETS: &str = "application/octet-stream";

/// A larger body is sent when the server asks for it. It can be refused before.
const UNASKED_BYTES: usize = 64 << 10;

/// What a parameter of a request is called, and its value.
pub(crate) type Pair<'a> = (&'a str, &'a str);

/// A server, and the key for it.
pub(crate) struct Server {
    url: String,
    key: HeaderValue,
    agent: Agent,
}

/// Why a request has no answer of 2xx.
pub(crate) enum Refusal {
    /// The connection failed, before or behind the request.
    Unreachable(ureq::Error),
    /// The answer began, and did not end.
    Cut(std::io::Error),
    Answered {
        status: StatusCode,
        error: ApiError,
        retry_after: Option<u64>,
    },
    /// An interruption.
    Failed(Failure),
}

/// What a server says.
#[derive(Deserialize)]
pub(crate) struct ApiError {
    code: String,
    message: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ApiError,
}

#[derive(Deserialize)]
struct Data<T> {
    data: Vec<T>,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let reason = match refusal {
            Refusal::Failed(failure) => return failure,
            Refusal::Cut(error) => return cut(&error),
            Refusal::Unreachable(error) => {
                // The name of the kind says no more than the source.
                let error = error.to_string();
                let error = error.strip_prefix("io: ").unwrap_or(&error);
                format!("the server cannot be reached: {error}")
            }
            Refusal::Answered { status, error, .. } => match status {
                StatusCode::UNAUTHORIZED => format!("the server refuses the key of {KEY}"),
                StatusCode::FORBIDDEN => {
                    format!("the key of {KEY} may not do this: {}", error.message)
                }
                _ => error.message,
            },
        };
        Self::Server(reason)
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Server(error.message)
    }
}

/// The failure of an answer whose end does not come, or which is none.
pub(crate) fn cut(error: &std::io::Error) -> Failure {
    Failure::Server(match error.kind() {
        ErrorKind::InvalidData => format!("the answer cannot be read: {error}"),
        _ => format!("the answer was cut: {error}"),
    })
}

impl Server {
    pub(crate) fn new(url: &str) -> Result<Self, Failure> {
        check(url).map_err(|reason| Failure::Usage(format!("--server: {reason}")))?;
        let key = env::var_os(KEY).unwrap_or_default();
        if key.is_empty() {
            return Err(Failure::Usage(format!(
                "{KEY}: must have a key of the server"
            )));
        }
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~');
        let key = key.to_str().filter(|key| key.bytes().all(is_plain));
        let key = key.and_then(|key| HeaderValue::try_from(format!("Bearer {key}")).ok());
        let key = key.ok_or_else(|| {
            let reason = "has a character that a header cannot have";
            Failure::Usage(format!("{KEY}: {reason}"))
        })?;
        let config = Agent::config_builder()
            .timeout_connect(Some(CONNECTING))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("convodb/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            key,
            agent: Agent::new_with_config(config),
        })
    }

    /// Asks once.
    fn attempt(
        &self,
        method: &str,
        path: &str,
        query: &[Pair<'_>],
        body: Option<&[u8]>,
    ) -> Result<Response<Body>, Refusal> {
        let mut uri = format!("{}{path}", self.url);
        for (number, (name, value)) in query.iter().enumerate() {
            uri.push(if number == 0 { '?' } else { '&' });
            uri.push_str(name);
            uri.push('=');
            uri.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        }
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("Authorization", &self.key);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, NDJSON);
            if body.len() > UNASKED_BYTES {
                request = request.header("Expect", "100-continue");
            }
        }
        let invalid = |error| Refusal::Unreachable(ureq::Error::Http(error));
        let answer = match body {
            Some(body) => self.agent.run(request.body(body).map_err(invalid)?),
            None => self.agent.run(request.body(()).map_err(invalid)?),
        };
        let mut answer = answer.map_err(Refusal::Unreachable)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let retry_after = answer.headers().get("Retry-After");
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let error: Result<ErrorBody, _> = serde_json::from_reader(answer.body_mut().as_reader());
        let error = match error {
            Ok(body) => body.error,
            Err(_) => ApiError {
                code: String::new(),
                message: format!("the answer, {status}, is not that of a convodb server"),
            },
        };
        Err(Refusal::Answered {
            status,
            error,
            retry_after,
        })
    }

    /// Asks, again and again within a time. The body of the answer is yet to be read.
    fn ask(
        &self,
        method: &str,
        path: &str,
        query: &[Pair<'_>],
        kind: &str,
        wait: Duration,
    ) -> Result<Response<Body>, Failure> {
        let answer = again(wait, || self.attempt(method, path, query, None))?;
        of_kind(answer, kind)
    }

    /// What a request for JSON is answered.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[Pair<'_>],
        wait: Wait,
    ) -> Result<T, Failure> {
        Ok(self.asked(path, query, wait.to_read())?)
    }

    /// The same, with the refusal.
    pub(crate) fn asked<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[Pair<'_>],
        wait: Duration,
    ) -> Result<T, Refusal> {
        let answer = again(wait, || {
            whole(self.attempt("GET", path, query, None)?, JSON)
        })?;
        parsed_line(&answer).map_err(Refusal::Failed)
    }

    /// The same of one that does something.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, wait: Wait) -> Result<T, Failure> {
        let answer = again(wait.to_read(), || self.attempt("POST", path, &[], None))?;
        parsed_line(&whole(answer, JSON)?)
    }

    /// The bytes of an answer, as they come.
    pub(crate) fn bytes(&self, path: &str, wait: Wait) -> Result<impl Read + use<>, Failure> {
        let answer = self.ask("GET", path, &[], OCTETS, wait.to_read())?;
        Ok(answer.into_body().into_reader())
    }

    /// The lines of an answer, as they come.
    pub(crate) fn lines(
        &self,
        path: &str,
        query: &[Pair<'_>],
        wait: Wait,
    ) -> Result<Lines, Failure> {
        let answer = self.ask("GET", path, query, NDJSON, wait.to_read())?;
        Ok(Lines::of(answer))
    }

    /// The lines of the answer to one that does something.
    pub(crate) fn posted_lines(&self, path: &str, wait: Wait) -> Result<Lines, Failure> {
        let answer = self.ask("POST", path, &[], NDJSON, wait.to_read())?;
        Ok(Lines::of(answer))
    }

    /// The whole answer to lines. They are sent again within a time, also where they have arrived and the answer
    /// is lost.
    pub(crate) fn send_lines(
        &self,
        path: &str,
        query: &[Pair<'_>],
        lines: &[u8],
        wait: Duration,
    ) -> Result<Vec<u8>, Refusal> {
        again(wait, || {
            whole(self.attempt("POST", path, query, Some(lines))?, NDJSON)
        })
    }

    /// How many conversations there are.
    pub(crate) fn count(&self, wait: Wait) -> Result<u64, Failure> {
        let query = [("status", "all"), ("limit", "1")];
        let page: Page<Conversation> = self.get("/v1/conversations", &query, wait)?;
        Ok(page.total)
    }

    /// A page, with the last message of each row.
    pub(crate) fn list(
        &self,
        query: &[Pair<'_>],
        wait: Wait,
    ) -> Result<(Page<Conversation>, Vec<Option<Message>>), Failure> {
        let mut query = query.to_vec();
        query.push(("include", "last_message"));
        let mut page: Value = self.get("/v1/conversations", &query, wait)?;
        let rows = page.get_mut("data").and_then(Value::as_array_mut);
        let last = rows.into_iter().flatten().map(|row| {
            let last = row
                .as_object_mut()
                .and_then(|row| row.remove("last_message"));
            parsed(last.unwrap_or_default())
        });
        let last = last.collect::<Result<_, _>>()?;
        Ok((parsed(page)?, last))
    }

    /// A conversation with its messages and notes.
    pub(crate) fn history(&self, id: ConversationId, wait: Wait) -> Result<Import, Failure> {
        let id = id.to_string();
        let mut lines = self.lines("/v1/admin/export", &[("conversation_id", &id)], wait)?;
        let mut line = Vec::new();
        lines.next(&mut line)?;
        parsed_line(&line)
    }

    /// The users and teams.
    pub(crate) fn assignees(&self, wait: Wait) -> Result<Vec<Assignee>, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Line {
            User(Named),
            Team(Named),
        }
        #[derive(Deserialize)]
        struct Named {
            id: String,
            name: String,
        }
        let mut lines = self.lines("/v1/admin/export", &[("directory", "true")], wait)?;
        let (mut line, mut assignees) = (Vec::new(), Vec::new());
        while lines.next(&mut line)? {
            let (id, name): (AssigneeId, _) = match parsed_line(&line)? {
                Line::User(user) => (UserId::new(&user.id)?.into(), user.name),
                Line::Team(team) => (TeamId::new(&team.id)?.into(), team.name),
            };
            assignees.push(Assignee::new(id, &name));
        }
        Ok(assignees)
    }

    pub(crate) fn statistics(&self, wait: Wait) -> Result<Statistics, Failure> {
        self.get("/v1/admin/stats", &[], wait)
    }

    /// At most so many events.
    pub(crate) fn events(&self, after: EventSeq, limit: usize) -> Result<Vec<Event>, Refusal> {
        let (after, limit) = (after.to_string(), limit.to_string());
        let query = [("after", &*after), ("limit", &*limit)];
        let events: Data<Event> = self.asked("/v1/events", &query, Duration::ZERO)?;
        Ok(events.data)
    }
}

impl Refusal {
    /// Whether the answer is an error of this code.
    pub(crate) fn is(&self, known: &str) -> bool {
        matches!(self, Self::Answered { error, .. } if error.code == known)
    }

    /// Whether what was asked may have happened all the same.
    pub(crate) fn is_unknown(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Cut(_) => true,
            // That of a proxy.
            Self::Answered { status, error, .. } => {
                status.is_server_error() && error.code.is_empty()
            }
            Self::Failed(_) => false,
        }
    }

    /// Whether it may be otherwise soon.
    pub(crate) const fn passes(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Cut(_) => true,
            Self::Answered { retry_after, .. } => retry_after.is_some(),
            Self::Failed(_) => false,
        }
    }

    /// The number before the oldest event that is kept, where earlier ones are purged.
    pub(crate) fn before_oldest(&self) -> Option<EventSeq> {
        match self {
            Self::Answered { error, .. } if error.code == "events_purged" => {
                let mut words = error.message.split(' ');
                let oldest: u64 = words.find_map(|word| word.parse().ok())?;
                Some(EventSeq::new(oldest.saturating_sub(1)))
            }
            _ => None,
        }
    }
}

/// Why a URL is not that of a server.
fn check(url: &str) -> Result<(), &'static str> {
    if !["http://", "https://"]
        .iter()
        .any(|begin| url.starts_with(begin))
    {
        return Err("must begin with `http://` or `https://`");
    }
    if url.contains(['@', '?', '#']) {
        return Err("must have no user, password, query and fragment");
    }
    let uri: Uri = url.parse().map_err(|_| "must be a URL")?;
    let authority = uri.authority().ok_or("must have a host")?;
    let host = authority.host();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_host = match host.strip_prefix('[') {
        Some(address) => address.trim_end_matches(']').parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(is_name),
    };
    if !is_host {
        return Err("must have a host, by name or address");
    }
    // What is no port counts as none for `Uri`.
    match authority.as_str().strip_prefix(host) {
        Some("") => Ok(()),
        port => {
            let port = port.and_then(|port| port.strip_prefix(':'));
            let port: Option<NonZeroU16> = port.and_then(|port| port.parse().ok());
            port.map(drop).ok_or("must have a port from 1 to 65535")
        }
    }
}

/// Attempts, again and again within a time where the server cannot be reached or has no room.
fn again<T>(wait: Duration, mut attempt: impl FnMut() -> Result<T, Refusal>) -> Result<T, Refusal> {
    let until = Instant::now().checked_add(wait);
    loop {
        let refusal = match attempt() {
            Ok(answer) => return Ok(answer),
            Err(refusal) => refusal,
        };
        let pause = match &refusal {
            Refusal::Unreachable(_) | Refusal::Cut(_) => Some(STEP),
            Refusal::Answered { retry_after, .. } => retry_after.map(Duration::from_secs),
            Refusal::Failed(_) => None,
        };
        let Some(pause) = pause else {
            return Err(refusal);
        };
        let next = Instant::now().checked_add(pause);
        if until.is_some_and(|until| next.is_none_or(|next| next > until)) {
            return Err(refusal);
        }
        while next.is_some_and(|next| Instant::now() < next) {
            interrupt::check().map_err(Refusal::Failed)?;
            std::thread::sleep(STEP.min(pause));
        }
    }
}

/// An answer that is of this type, and whose end can be recognised.
fn of_kind(answer: Response<Body>, kind: &str) -> Result<Response<Body>, Failure> {
    let headers = answer.headers();
    let given = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let given = String::from_utf8_lossy(given.unwrap_or_default());
    let media = given.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case(kind) {
        let reason =
            format!("the answer has the type `{media}`, not `{kind}` as that of a convodb server");
        return Err(Failure::Server(reason));
    }
    if !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING) {
        let reason = "the answer has no length, and may be cut";
        return Err(Failure::Server(reason.to_owned()));
    }
    Ok(answer)
}

/// All of an answer of this type.
fn whole(answer: Response<Body>, kind: &str) -> Result<Vec<u8>, Refusal> {
    let mut answer = of_kind(answer, kind).map_err(Refusal::Failed)?;
    let mut body = Vec::new();
    let read = answer.body_mut().as_reader().read_to_end(&mut body);
    read.map(|_| body).map_err(Refusal::Cut)
}

fn parsed<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| cut(&error.into()))
}

/// A line, as JSON.
pub(crate) fn parsed_line<T: DeserializeOwned>(line: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(line).map_err(|error| cut(&error.into()))
}

/// The lines of an answer.
pub(crate) struct Lines(BufReader<Box<dyn Read>>);

impl Lines {
    fn of(answer: Response<Body>) -> Self {
        Self(BufReader::new(Box::new(answer.into_body().into_reader())))
    }

    /// Reads the next line with its end; false behind the last one. An answer that was cut is an error.
    pub(crate) fn next(&mut self, line: &mut Vec<u8>) -> Result<bool, Failure> {
        line.clear();
        let read = self.0.read_until(b'\n', line);
        Ok(read.map_err(|error| cut(&error))? > 0)
    }
}
