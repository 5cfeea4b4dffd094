//! The command line, and the file of options.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Arg, Args, Command, CommandFactory as _, FromArgMatches as _, Parser};
use convodb_postgres::PgOptions;
use serde::Deserialize;

use crate::housekeeping::Kept;
use crate::log::Format;
use crate::secret_toml::parse_toml;
use crate::webhooks;

/// The conversations API over HTTP, stored in convodb.
#[derive(Parser)]
#[command(name = "api-server", version, args_override_self = true)]
pub(crate) struct Config {
    /// A TOML file of these options by their names, without the dashes before them, and of webhooks. The command line
    /// wins over it, and it over the environment
    #[arg(long, value_name = "FILE", env = "CONVODB_CONFIG")]
    config: Option<PathBuf>,

    /// The store: a file, created if it is missing; or `postgres://user@host/database`, or a string of keys and
    /// values, `host=/run/postgresql dbname=support`. Give a password in the environment, here or in PGPASSWORD: other
    /// users of the machine can see it in the list of processes
    #[arg(
        long,
        value_name = "FILE|URL",
        env = "CONVODB_DB",
        hide_env_values = true,
        value_parser = OsStringValueParser::new().try_map(db)
    )]
    db: OsString,

    /// The workspace of the PostgreSQL database, created if it is missing [default: main]
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,

    /// First makes the schema in the PostgreSQL database, or brings it up to date
    #[arg(long)]
    pub(crate) migrate: bool,

    /// Connections to PostgreSQL
    #[arg(long, value_name = "N", default_value = "8")]
    db_connections: NonZeroU32,

    /// Where to listen; port 0 picks one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,

    /// Where metrics are answered without a key, at `/metrics`; without it, they need one, at the other place
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) metrics_listen: Option<String>,

    /// How lines of the log are written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: Format,

    /// A key that clients send; several may be given. Other users of the machine can see it in the
    /// list of processes: prefer the environment
    #[arg(
        long = "api-key",
        value_name = "KEY",
        env = "CONVODB_API_KEY",
        hide_env_values = true
    )]
    pub(crate) api_keys: Vec<String>,

    /// A file with the names, SHA-256 digests, scopes and limits of keys, which is read again when it changes
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,

    /// Requests a minute for each key; the file of keys may give a key another limit
    #[arg(long, value_name = "N")]
    pub(crate) rate_limit: Option<NonZeroU32>,

    /// Cookies of sessions are `Secure`, also where no proxy says `X-Forwarded-Proto: https`
    #[arg(long)]
    pub(crate) secure_cookies: bool,

    /// Where each event is posted
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,

    /// The secret that signs webhooks; without it, a random one for this run, which is logged
    #[arg(
        long,
        value_name = "SECRET",
        env = "CONVODB_WEBHOOK_SECRET",
        hide_env_values = true
    )]
    pub(crate) webhook_secret: Option<String>,

    /// The types of the events that are posted, `message.*` for each that begins so; without it, all
    #[arg(long, value_name = "TYPE", value_delimiter = ',', requires = "webhook")]
    webhook_events: Vec<String>,

    /// For how long an event is posted again that the receiver does not accept; then it is a dead letter
    #[arg(long, value_name = "DAYS", default_value = "3", value_parser = some_days)]
    webhook_give_up: Duration,

    /// Those of the file.
    #[arg(skip)]
    named_webhooks: Vec<NamedWebhook>,

    /// The secret of the app that signs the webhooks of Meta; without it, they are not received
    #[arg(
        long,
        value_name = "SECRET",
        env = "CONVODB_META_APP_SECRET",
        hide_env_values = true
    )]
    pub(crate) meta_app_secret: Option<String>,

    /// The token of Meta's handshake; without it, the handshake is not answered
    #[arg(
        long,
        value_name = "TOKEN",
        env = "CONVODB_META_VERIFY_TOKEN",
        hide_env_values = true
    )]
    pub(crate) meta_verify_token: Option<String>,

    /// The largest body, in bytes
    #[arg(long, value_name = "BYTES", default_value = "1048576")]
    pub(crate) body_limit: usize,

    /// The longest time of a request, from its first byte to its answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) request_timeout: Duration,

    /// Commands that may be under way; the next is answered 503
    #[arg(long, value_name = "N", default_value = "256")]
    pub(crate) queue: NonZeroUsize,

    /// Connections that may be open; the next waits to be accepted
    #[arg(long, value_name = "N", default_value = "1024")]
    pub(crate) connections: NonZeroU32,

    /// Streams of events that may be open, beside the connections; the next is answered 503
    #[arg(long, value_name = "N", default_value = "4096")]
    pub(crate) max_streams: NonZeroUsize,

    /// Memory that holds pages of the file, in MiB
    #[arg(long, value_name = "MIB", default_value = "64")]
    pub(crate) cache: u32,

    /// How long the start waits for a file that another process has open
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = wait)]
    pub(crate) lock_timeout: Duration,

    /// How long events are kept that every consumer has acknowledged
    #[arg(long, value_name = "DAYS", default_value = "90", value_parser = days)]
    pub(crate) keep_events: Duration,

    /// How long receipts, reactions and edits wait for their message
    #[arg(long, value_name = "DAYS", default_value = "30", value_parser = days)]
    pub(crate) keep_unmatched: Duration,

    /// For at most so many missing messages, receipts, reactions and edits are kept; the oldest are
    /// deleted first
    #[arg(long, value_name = "N", default_value = "100000")]
    pub(crate) most_unmatched: u64,

    /// After how long without activity a resolved conversation is deleted; without it, none is.
    /// Imported conversations keep their old times: the server deletes those that are older, from
    /// its start on
    #[arg(long, value_name = "DAYS", value_parser = some_days)]
    pub(crate) keep_resolved: Option<Duration>,
}

/// A webhook of the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedWebhook {
    name: String,
    url: String,
    secret: String,
    #[serde(default)]
    events: Vec<String>,
    give_up_days: Option<f64>,
}

/// What the file has.
#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    webhooks: Vec<NamedWebhook>,
    #[serde(flatten)]
    options: BTreeMap<String, toml::Value>,
}

impl File {
    /// The options of a file as arguments of a command line, and its webhooks.
    fn read(path: &Path) -> Result<(Vec<OsString>, Vec<NamedWebhook>)> {
        let name = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        let file: Self = parse_toml(&text).with_context(|| name.to_string())?;
        let options = file.arguments().with_context(|| name.to_string())?;
        Ok((options, file.webhooks))
    }

    /// The options as arguments of a command line.
    fn arguments(&self) -> Result<Vec<OsString>> {
        let mut arguments = Vec::new();
        let command = Config::command();
        let has = |name: &str| {
            let mut names = command.get_arguments().filter_map(Arg::get_long);
            name != "config" && names.any(|known| known == name)
        };
        for (name, value) in &self.options {
            let meant = name.replace('_', "-");
            ensure!(
                has(name) || !has(&meant),
                "`{name}` is no option: it is written `{meant}`"
            );
            ensure!(has(name), "`{name}` is no option of a file");
            let values = match value {
                toml::Value::Array(values) => values.as_slice(),
                value => std::slice::from_ref(value),
            };
            for value in values {
                match value {
                    toml::Value::Boolean(true) => arguments.push(format!("--{name}").into()),
                    toml::Value::Boolean(false) => {}
                    toml::Value::String(text) => arguments.push(format!("--{name}={text}").into()),
                    toml::Value::Integer(number) => {
                        arguments.push(format!("--{name}={number}").into());
                    }
                    toml::Value::Float(number) => {
                        arguments.push(format!("--{name}={number}").into());
                    }
                    _ => bail!(
                        "`{name}` must be a text, a number, true or false, or several of them"
                    ),
                }
            }
        }
        Ok(arguments)
    }
}

/// Prints the SHA-256 digest of a key, for the file of keys. Reads the key from standard input
#[derive(Args)]
pub(crate) struct HashKey {
    /// Makes a new key, and prints it too
    #[arg(long)]
    pub(crate) new: bool,
}

/// What the program is started for.
pub(crate) enum Invocation {
    Serve(Box<Config>),
    HashKey(HashKey),
}

impl Invocation {
    /// Reads the command line, and the file that it or the environment names. Ends the process where the command line
    /// is not valid, or asks for help.
    pub(crate) fn read() -> Result<Self> {
        let mut arguments: Vec<_> = std::env::args_os().collect();
        let file = file_of(&arguments).as_deref().map(File::read).transpose()?;
        let mut webhooks = Vec::new();
        if let Some((options, named)) = file {
            let first = arguments.len().min(1);
            arguments.splice(first..first, options);
            webhooks = named;
        }
        let matches = command().get_matches_from(arguments);
        let invocation = match matches.subcommand() {
            Some((_, matches)) => HashKey::from_arg_matches(matches).map(Self::HashKey),
            None => Config::from_arg_matches(&matches).map(|mut config| {
                config.named_webhooks = webhooks;
                Self::Serve(Box::new(config))
            }),
        };
        invocation.map_err(|error| error.exit())
    }
}

fn command() -> Command {
    Config::command()
        .subcommand_negates_reqs(true)
        .subcommand(HashKey::augment_args(Command::new("hash-key")))
}

/// Where the store is.
#[derive(Debug)]
pub(crate) enum Database<'c> {
    File(&'c Path),
    Postgres(Box<PgOptions>),
}

/// The keys of a string of keys and values that may come first.
const KEYS: [&str; 9] = [
    "application_name",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "password",
    "port",
    "sslmode",
    "user",
];

/// Whether this leads to PostgreSQL. Any name of a file that looks so can be given behind `./`.
fn is_postgres(db: &str) -> bool {
    let begins_with_key = || {
        let (key, _) = db.split_once('=')?;
        Some(KEYS.contains(&key.trim()))
    };
    db.starts_with("postgres://")
        || db.starts_with("postgresql://")
        || begins_with_key().unwrap_or(false)
}

/// A URL of another kind would make a file of that name.
fn db(given: OsString) -> Result<OsString> {
    let text = given.to_string_lossy();
    let is_path = is_postgres(&text) || !text.contains("://");
    ensure!(is_path, "must be a file, or begin with `postgres://`");
    Ok(given)
}

/// Greater ones are beyond what clocks have.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

fn duration(seconds: f64) -> Result<Duration> {
    let duration = Duration::try_from_secs_f64(seconds)?;
    ensure!(duration <= LONGEST, "must be at most a hundred years");
    Ok(duration)
}

fn days(text: &str) -> Result<Duration> {
    duration(text.parse::<f64>()? * 24.0 * 60.0 * 60.0)
}

fn some_days(text: &str) -> Result<Duration> {
    let duration = days(text)?;
    ensure!(!duration.is_zero(), "must be more than 0");
    Ok(duration)
}

fn wait(text: &str) -> Result<Duration> {
    duration(text.parse()?)
}

fn seconds(text: &str) -> Result<Duration> {
    let duration = duration(text.parse()?)?;
    ensure!(!duration.is_zero(), "must be more than 0");
    Ok(duration)
}

impl Config {
    /// The receivers of events: that of the command line, and those of the file.
    pub(crate) fn webhooks(
        &self,
        make_secret: impl FnOnce() -> Result<String>,
    ) -> Result<Vec<webhooks::Settings>> {
        let mut all = Vec::new();
        if let Some(url) = &self.webhook {
            all.push(webhooks::Settings {
                name: None,
                url: url.clone(),
                secret: self.webhook_secret.clone().map_or_else(make_secret, Ok)?,
                events: self.webhook_events.clone(),
                give_up: self.webhook_give_up,
            });
        }
        for named in &self.named_webhooks {
            let days = named.give_up_days.map(|days| some_days(&days.to_string()));
            all.push(webhooks::Settings {
                name: Some(named.name.clone()),
                url: named.url.clone(),
                secret: named.secret.clone(),
                events: named.events.clone(),
                give_up: days
                    .transpose()
                    .with_context(|| format!("webhook {}: give_up_days", named.name))?
                    .unwrap_or(self.webhook_give_up),
            });
        }
        Ok(all)
    }

    /// Where the store is. No error has the password.
    pub(crate) fn database(&self) -> Result<Database<'_>> {
        let db = self.db.to_str().map(str::trim_start);
        let Some(url) = db.filter(|db| is_postgres(db)) else {
            ensure!(
                self.workspace.is_none(),
                "--workspace belongs to PostgreSQL"
            );
            ensure!(!self.migrate, "--migrate belongs to PostgreSQL");
            return Ok(Database::File(Path::new(&self.db)));
        };
        let mut options = PgOptions::new(url).context("--db")?;
        if let Ok(password) = env::var("PGPASSWORD") {
            options = options.password(&password);
        }
        Ok(Database::Postgres(Box::new(
            options
                .workspace(self.workspace())
                .connections(self.db_connections.get() as usize)
                // So that a request is answered that the database does not.
                .deadline(self.request_timeout / 2),
        )))
    }

    /// The workspace of the database.
    pub(crate) fn workspace(&self) -> &str {
        self.workspace.as_deref().unwrap_or("main")
    }

    /// Secrets that others know, and that are no keys, behind what each is.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let given = [
            ("webhook secret", &self.webhook_secret),
            ("secret of Meta's app", &self.meta_app_secret),
            ("token of Meta's handshake", &self.meta_verify_token),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, secret)| Some((name, secret.as_ref()?)));
        let named = self.named_webhooks.iter();
        given.chain(named.map(|named| ("webhook secret", &named.secret)))
    }

    pub(crate) const fn kept(&self) -> Kept {
        Kept {
            events: self.keep_events,
            unmatched: self.keep_unmatched,
            most_unmatched: self.most_unmatched,
            resolved: self.keep_resolved,
        }
    }

    /// Rejects invalid settings. No message contains a key or a secret.
    pub(crate) fn check(&self) -> Result<()> {
        self.database()?;
        ensure!(
            !self.api_keys.is_empty() || self.keys.is_some(),
            "no API key: give one with --api-key or in CONVODB_API_KEY, or several with --keys"
        );
        for key in &self.api_keys {
            check_key(key).context("an API key cannot be used")?;
        }
        for (name, secret) in self.secrets() {
            ensure!(!secret.is_empty(), "the {name} is empty");
            ensure!(
                !self.api_keys.contains(secret),
                "the {name} is an API key: who has the one could use the other"
            );
        }
        Ok(())
    }
}

/// The file that a command line or the environment names.
fn file_of(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter().skip(1);
    let mut named = None;
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            named = arguments.next().map(PathBuf::from);
        } else if let Some(path) = argument
            .to_str()
            .and_then(|it| it.strip_prefix("--config="))
        {
            named = Some(PathBuf::from(path));
        }
    }
    let of_environment = std::env::var_os("CONVODB_CONFIG").filter(|name| !name.is_empty());
    named.or_else(|| of_environment.map(PathBuf::from))
}

pub(crate) fn check_key(key: &str) -> Result<()> {
    ensure!(!key.is_empty(), "it is empty");
    ensure!(
        key.bytes().all(|byte| byte.is_ascii_graphic()),
        "it must be visible ASCII without spaces, as it is sent in a header"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(arguments: &[&str]) -> Config {
        let program = ["api-server", "--db", "inbox.redb"];
        Config::parse_from(program.iter().chain(arguments))
    }

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn what_leads_to_postgresql_is_known_by_its_beginning() {
        for url in [
            "postgres://localhost/support",
            "postgresql://inbox@db.internal,db2.internal/support?sslmode=require",
            "host=/run/postgresql dbname=support",
            "dbname = support host = localhost",
        ] {
            assert!(is_postgres(url), "{url}");
        }
        for file in [
            "inbox.redb",
            "./host=x",
            "postgres",
            "a=b",
            "/data/host=x",
            "",
        ] {
            assert!(!is_postgres(file), "{file}");
        }
    }

    #[test]
    fn keys_are_several_and_a_bad_one_is_not_printed() {
        let two = config(&["--api-key", "one", "--api-key", "two"]);
        assert_eq!(two.api_keys, ["one", "two"]);
        assert!(two.check().is_ok());
        for bad in ["", "has space", "schlüssel"] {
            let error = config(&["--api-key", bad]).check().err();
            let message = format!("{error:?}");
            assert!(
                error.is_some() && (bad.is_empty() || !message.contains(bad)),
                "{message}"
            );
        }
    }

    #[test]
    fn resolved_conversations_are_kept_for_some_time_or_for_ever() {
        let with = |days| {
            let option = ["api-server", "--db", "inbox.redb", "--keep-resolved", days];
            Config::try_parse_from(option)
        };
        for bad in ["0", "-1", "0.0", "x"] {
            assert!(with(bad).is_err(), "{bad}");
        }
        assert!(with("0.5").is_ok_and(|config| config.keep_resolved.is_some()));
        assert!(config(&[]).keep_resolved.is_none());
    }

    #[test]
    fn a_webhooks_secret_is_no_api_key() {
        let url = ["--api-key", "one", "--webhook", "http://localhost/"];
        let with = |secret| config(&[&url[..], &["--webhook-secret", secret]].concat());
        assert!(with("another").check().is_ok());
        assert!(with("one").check().is_err());
        assert!(with("").check().is_err());
        for option in ["--meta-app-secret", "--meta-verify-token"] {
            let with = |secret| config(&["--api-key", "one", option, secret]).check();
            assert!(with("another").is_ok());
            assert!(with("one").is_err());
            assert!(with("").is_err());
        }
    }
}
