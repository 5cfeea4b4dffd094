//! What a store is opened with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb_core::{Error, InvalidInput, Result};
use rustls::pki_types::CertificateDer;
use tokio_postgres::config::Host;

use crate::tls;

/// A source of the time, for tests: without one, it is the database server's clock.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// What a store is opened with.
///
/// ```
/// use convodb_postgres::PgOptions;
///
/// let options = PgOptions::new("postgres://inbox@db.internal/support")?
///     .workspace("acme")
///     .connections(16);
/// # let _ = options;
/// # Ok::<(), convodb_postgres::Error>(())
/// ```
#[derive(Clone)]
pub struct PgOptions {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) workspace: String,
    pub(crate) creates: bool,
    pub(crate) connections: usize,
    pub(crate) has_named_statements: bool,
    pub(crate) has_background: bool,
    pub(crate) requires_standby: bool,
    pub(crate) is_read_only: bool,
    pub(crate) deadline: Duration,
    pub(crate) idempotency_ttl: Duration,
    pub(crate) max_views: u64,
    pub(crate) roots: Vec<CertificateDer<'static>>,
    pub(crate) clock: Option<Clock>,
    pub(crate) random: Option<Arc<dyn Fn() -> u128 + Send + Sync>>,
    /// Whether a commit compares the versions of what it rests on.
    pub(crate) compares_versions: bool,
}

impl PgOptions {
    /// Those of a URL: `postgres://user:password@host:port/database?sslmode=require`, or of a string of keys and
    /// values, `host=/run/postgresql user=inbox dbname=support`.
    ///
    /// Connections over a network are encrypted where the server can, and always with `sslmode=require`; never with
    /// `sslmode=disable`. Where they are, the server proves its name: by a certificate that the system trusts, or one
    /// under [`root_certificate`](Self::root_certificate).
    ///
    /// # Errors
    ///
    /// `InvalidInput` of the field `url`, if it is neither. The message never has the password.
    pub fn new(url: &str) -> Result<Self> {
        let config = url.parse::<tokio_postgres::Config>().map_err(|error| {
            let cause = crate::error::cause(&error);
            // What is quoted may be a part of a password.
            let cause = cause.split('`').next().unwrap_or_default().trim_end();
            let reason = format!("must be `postgres://user@host/database`: {cause}");
            Error::from(InvalidInput::new("url", reason))
        })?;
        if config.get_hosts().is_empty() {
            return Err(
                InvalidInput::new("url", "must name a host, or the directory of a socket").into(),
            );
        }
        let is_cut = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
        if config.get_hosts().iter().any(is_cut) {
            return Err(
                InvalidInput::new("url", "must write an `@` of the password as `%40`").into(),
            );
        }
        Ok(Self {
            config,
            workspace: "main".to_owned(),
            creates: true,
            connections: 8,
            has_named_statements: true,
            has_background: true,
            requires_standby: false,
            is_read_only: false,
            deadline: Duration::from_secs(30),
            idempotency_ttl: Duration::from_secs(24 * 60 * 60),
            max_views: 64,
            roots: Vec::new(),
            clock: None,
            random: None,
            compares_versions: true,
        })
    }

    /// The workspace, `main` unless set: a database holds several, and each is a store of its own.
    pub fn workspace(mut self, name: impl Into<String>) -> Self {
        self.workspace = name.into();
        self
    }

    /// Whether a workspace that is missing is made, as it is unless set: otherwise it is `NotFound`, and opening
    /// writes nothing.
    pub const fn create(mut self, creates: bool) -> Self {
        self.creates = creates;
        self
    }

    /// Whether only reads are given, so that a standby is opened too: its lists are those of a moment before. A command
    /// is `ReadOnly` there, and nothing is done between reads.
    pub const fn read_only(mut self, is_read_only: bool) -> Self {
        self.is_read_only = is_read_only;
        self
    }

    /// The password where the URL has none. There it is in no list of processes.
    pub fn password(mut self, password: &str) -> Self {
        if self.config.get_password().is_none() {
            self.config.password(password);
        }
        self
    }

    /// The most connections to the server, 8 unless set: one of them writes.
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(2);
        self
    }

    /// Without names, every statement is sent and planned anew, as poolers need that give each transaction
    /// another connection and keep no statements: pgbouncer before 1.21. With names, commands fail behind such a
    /// pooler, or meet a statement to which another process gave the same name.
    pub const fn unnamed_statements(mut self) -> Self {
        self.has_named_statements = false;
        self
    }

    /// Trusts servers whose certificates are under these, in PEM, and no others.
    ///
    /// # Errors
    ///
    /// `InvalidInput` of the field `root_certificate`, if there is none.
    pub fn root_certificate(mut self, pem: &[u8]) -> Result<Self> {
        self.roots = tls::certificates(pem)?;
        Ok(self)
    }

    /// Stores open only where a commit waits for a synchronous standby, so that a failover to it loses nothing
    /// that was acknowledged. See [`PgStore::durability`](crate::PgStore::durability).
    pub const fn require_synchronous_standby(mut self) -> Self {
        self.requires_standby = true;
        self
    }

    /// How long a command is tried again when the connection is lost or others change what it rests on, 30 s
    /// unless set.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// For how long a command is not done again under its idempotency key, a day unless set.
    pub const fn idempotency_ttl(mut self, ttl: Duration) -> Self {
        self.idempotency_ttl = ttl;
        self
    }

    /// The most saved views, 64 unless set.
    pub const fn max_views(mut self, most: u64) -> Self {
        self.max_views = most;
        self
    }

    /// Without it, nothing is done between commands: conversations of removed users and teams are not
    /// reassigned, views are not built, and counts are not folded, until another process does.
    pub const fn background(mut self, has_background: bool) -> Self {
        self.has_background = has_background;
        self
    }

    /// A clock in place of the database server's.
    #[cfg(feature = "testing")]
    pub fn clock(mut self, clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Some(Clock(Arc::new(clock)));
        self
    }

    /// Random numbers of which ids are made.
    #[cfg(feature = "testing")]
    pub fn random(mut self, random: impl Fn() -> u128 + Send + Sync + 'static) -> Self {
        self.random = Some(Arc::new(random));
        self
    }

    /// Commits overwrite what others changed meanwhile: what a checker of histories must flag.
    #[cfg(feature = "testing")]
    pub const fn without_versions(mut self) -> Self {
        self.compares_versions = false;
        self
    }

    pub(crate) fn draw(&self) -> u128 {
        match &self.random {
            Some(random) => random(),
            None => fastrand::u128(..),
        }
    }
}

/// Where the database is: host, user and name, and never the password.
impl fmt::Display for PgOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.config.get_hosts().iter().map(shown).collect();
        let ports: Vec<_> = self.config.get_ports().iter().map(u16::to_string).collect();
        write!(f, "host={}", hosts.join(","))?;
        let ports = Some(ports.join(",")).filter(|ports| !ports.is_empty());
        let user = self.config.get_user().map(str::to_owned);
        let name = self.config.get_dbname().map(str::to_owned);
        for (key, value) in [("port", ports), ("user", user), ("dbname", name)] {
            if let Some(value) = value {
                write!(f, " {key}={value}")?;
            }
        }
        Ok(())
    }
}

fn shown(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(directory) => directory.display().to_string(),
    }
}

impl fmt::Debug for PgOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The configuration's own output has no password.
        f.debug_struct("PgOptions")
            .field("config", &self.config)
            .field("workspace", &self.workspace)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
