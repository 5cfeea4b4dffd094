//! The file of keys, which is read again when it changes.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{COMMAND_LINE, Digest, Key, Keys, Scope, digest, hex};
use crate::limits::RateLimit;
use crate::secret_toml::parse_toml;

/// How often the file is looked at.
const PERIOD: Duration = Duration::from_secs(2);

/// What the file has, in TOML.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entries {
    #[serde(default)]
    keys: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// Of the key, in hexadecimal.
    sha256: String,
    scopes: BTreeSet<Scope>,
    #[serde(default)]
    acts_for_others: bool,
    /// Requests a minute.
    rate_limit: Option<NonZeroU32>,
}

/// The file of keys.
pub(crate) struct KeysFile {
    path: PathBuf,
    /// For keys that have no other.
    requests_a_minute: Option<NonZeroU32>,
    /// Digests of secrets that others know.
    taken: Vec<Digest>,
    /// What was read last.
    content: Vec<u8>,
}

impl KeysFile {
    /// Reads the keys of a file. None of them may be one of the secrets.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or has an invalid key. No message has a digest.
    pub(crate) fn open<'s>(
        path: &Path,
        requests_a_minute: Option<NonZeroU32>,
        secrets: impl IntoIterator<Item = &'s String>,
        keys: &Keys,
    ) -> Result<Self> {
        let mut file = Self {
            path: path.to_owned(),
            requests_a_minute,
            taken: secrets.into_iter().map(|it| digest(it)).collect(),
            content: Vec::new(),
        };
        file.content = fs::read(path).with_context(|| file.unusable())?;
        file.apply(keys)?;
        Ok(file)
    }

    fn unusable(&self) -> String {
        format!("the keys of {} cannot be used", self.path.display())
    }

    fn apply(&self, keys: &Keys) -> Result<()> {
        let read = self.read(keys).with_context(|| self.unusable())?;
        tracing::info!("{} has keys: {}", self.path.display(), read.len());
        keys.replace(read);
        Ok(())
    }

    fn read(&self, keys: &Keys) -> Result<Vec<Key>> {
        let text = std::str::from_utf8(&self.content)?;
        let entries: Entries = parse_toml(text)?;
        // A file that is being written is empty at first.
        ensure!(!entries.keys.is_empty(), "there are none");
        let current = keys.current();
        let of_command_line = current.iter().filter(|key| key.is_of_command_line());
        let mut taken: BTreeSet<_> = of_command_line.map(|key| key.digest).collect();
        taken.extend(&self.taken);
        let mut names = BTreeSet::new();
        let read = entries.keys.into_iter().map(|entry| {
            let name = entry.name.clone();
            ensure!(names.insert(name.clone()), "`{name}` is there twice");
            let key = self.key(entry).with_context(|| format!("`{name}`"))?;
            ensure!(
                taken.insert(key.digest),
                "`{name}` is another key too, or a secret of the server"
            );
            Ok(key)
        });
        read.collect()
    }

    fn key(&self, entry: Entry) -> Result<Key> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        ensure!(
            (1..=64).contains(&entry.name.len()) && entry.name.bytes().all(is_plain),
            "a name has 1 to 64 letters of ASCII, digits, `-`, `_` and `.`"
        );
        ensure!(
            !entry.name.starts_with(COMMAND_LINE),
            "names that begin with `{COMMAND_LINE}` are those of keys of the command line"
        );
        ensure!(!entry.scopes.is_empty(), "it has no scope");
        let requests_a_minute = entry.rate_limit.or(self.requests_a_minute);
        Ok(Key {
            name: entry.name,
            digest: parse_digest(&entry.sha256)?,
            scopes: entry.scopes,
            acts_for_others: entry.acts_for_others,
            requests_a_minute,
            limit: requests_a_minute.map(RateLimit::a_minute).map(Arc::new),
        })
    }

    /// Reads the file again when it changes, and at a SIGHUP, until the runtime ends. Where it cannot be used, the keys
    /// stay as they are.
    pub(crate) async fn watch(mut self, keys: Arc<Keys>, mut hangup: Signal) {
        let mut last_failure = None;
        loop {
            let is_forced = tokio::select! {
                signal = hangup.recv() => signal.is_some(),
                () = tokio::time::sleep(PERIOD) => false,
            };
            let path = self.path.clone();
            let read = tokio::task::spawn_blocking(move || fs::read(path)).await;
            let applied = match read.map_err(io::Error::other).flatten() {
                Ok(content) if content == self.content && !is_forced => {
                    last_failure = None;
                    continue;
                }
                Ok(content) => {
                    self.content = content;
                    self.apply(&keys)
                }
                Err(error) => Err(anyhow::Error::new(error).context(self.unusable())),
            };
            let failure = applied.err().map(|error| format!("{error:#}"));
            if let Some(failure) = failure
                .as_ref()
                .filter(|it| Some(*it) != last_failure.as_ref())
            {
                tracing::error!("{failure}; those that were read last stay valid");
            }
            last_failure = failure;
        }
    }
}

/// The signal that makes a server read its keys again.
pub(crate) fn hangup() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

fn parse_digest(text: &str) -> Result<Digest> {
    let mut digest = Digest::default();
    if text.len() != 2 * digest.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("sha256: must be 64 hexadecimal digits");
    }
    for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2).unwrap_or_default(), 16)?;
    }
    Ok(digest)
}

/// The digest of a key, as the file has it.
pub(crate) fn hash(key: &str) -> String {
    hex(&digest(key))
}

/// A new key, which is hard to guess.
pub(crate) fn make_key() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("no key can be made")?;
    Ok(format!("convodb_{}", hex(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Key>> {
        let keys = Keys::new(&["of-the-command-line".to_owned()], None);
        let file = KeysFile {
            path: PathBuf::from("keys.toml"),
            requests_a_minute: NonZeroU32::new(60),
            taken: vec![digest("a-secret")],
            content: text.as_bytes().to_owned(),
        };
        file.read(&keys)
    }

    fn entry(name: &str, key: &str, more: &str) -> String {
        let sha256 = hash(key);
        format!("[[keys]]\nname = \"{name}\"\nsha256 = \"{sha256}\"\n{more}\n")
    }

    #[test]
    fn a_key_has_its_scopes_and_limits() -> Result<()> {
        let inbox = entry(
            "inbox",
            "one",
            "scopes = [\"read\", \"write\"]\nacts_for_others = true\nrate_limit = 7",
        );
        let text = inbox + &entry("metrics.v2", "two", "scopes = [\"metrics\"]");
        let keys = read(&text)?;
        let [inbox, metrics] = keys.as_slice() else {
            bail!("{} keys", keys.len());
        };
        assert_eq!(inbox.name, "inbox");
        assert_eq!(inbox.digest, digest("one"));
        assert_eq!(inbox.scopes, BTreeSet::from([Scope::Read, Scope::Write]));
        assert_eq!(inbox.requests_a_minute, NonZeroU32::new(7));
        assert!(inbox.acts_for_others && !metrics.acts_for_others);
        assert_eq!(metrics.requests_a_minute, NonZeroU32::new(60));
        Ok(())
    }

    #[test]
    fn an_invalid_file_is_refused_without_its_digests() {
        let scopes = "scopes = [\"read\"]";
        let one = entry("one", "1", scopes);
        for (text, reason) in [
            ("", "none"),
            ("keys = 1", "line 1"),
            ("[[key]]", "key"),
            (&entry("one", "1", "scopes = []"), "no scope"),
            (&entry("one", "1", "scopes = [\"all\"]"), "all"),
            (&entry("one", "1", ""), "scopes"),
            (
                &entry("one", "1", "scopes = [\"read\"]\nrate_limit = 0"),
                "line 5",
            ),
            (&entry("a name", "1", scopes), "1 to 64"),
            (&entry("", "1", scopes), "1 to 64"),
            (&entry("api-key-1", "1", scopes), "command line"),
            (&entry("one", "of-the-command-line", scopes), "another key"),
            (&entry("one", "a-secret", scopes), "secret of the server"),
            (&(one.clone() + &entry("one", "2", scopes)), "twice"),
            (&(one.clone() + &entry("two", "1", scopes)), "another key"),
            (
                &one.replace(&hash("1"), "plain-key"),
                "64 hexadecimal digits",
            ),
            (&one.replace("sha256 = ", "sha256 = 1 "), "line 3"),
        ] {
            let error = read(text).err().map(|error| format!("{error:#}"));
            let error = error.unwrap_or_default();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains(&hash("1")), "{error}");
        }
    }

    #[test]
    fn a_limit_stays_while_the_key_does() -> Result<()> {
        let keys = Keys::new(&[], None);
        let text = entry("one", "1", "scopes = [\"read\"]\nrate_limit = 1");
        let used = |keys: &Keys| {
            let key = keys.known(&digest("1"));
            key.is_some_and(|key| key.take_from_limit().is_err())
        };
        keys.replace(read(&text)?);
        assert!(!used(&keys) && used(&keys));
        keys.replace(read(&text.replace("\"one\"", "\"renamed\""))?);
        assert!(used(&keys));
        keys.replace(read(&text.replace("rate_limit = 1", "rate_limit = 2"))?);
        assert!(!used(&keys));
        keys.replace(Vec::new());
        assert!(keys.known(&digest("1")).is_none());
        Ok(())
    }
}
