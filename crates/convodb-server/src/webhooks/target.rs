//! The receiver of events, and the signature of what is posted.

use std::io::Read as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use convodb::Event;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use ureq::Agent;
use ureq::http::Uri;

/// For one attempt, from the lookup of the host to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes read of an answer, so that the connection can be reused.
const ANSWER_BYTES: u64 = 64 * 1024;

/// A receiver of events.
pub(crate) struct Target {
    agent: Agent,
    url: String,
    mac: Hmac<Sha256>,
}

impl Target {
    /// A receiver at an `http` or `https` URL, which shares the secret.
    pub(crate) fn new(url: &str, secret: &str) -> Result<Self> {
        let uri: Uri = url.parse().context("the webhook's URL cannot be read")?;
        ensure!(
            matches!(uri.scheme_str(), Some("http" | "https")),
            "the webhook's URL must begin with `http://` or `https://`"
        );
        ensure!(
            !url.contains('#'),
            "the webhook's URL must have no fragment"
        );
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let (_, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let host = uri.host().unwrap_or_default();
        let port = place.strip_prefix(host).unwrap_or(place);
        ensure!(!host.is_empty(), "the webhook's URL must have a host");
        // What is no port counts as none for `Uri`.
        ensure!(
            port.is_empty() || uri.port_u16().is_some_and(|port| port > 0),
            "the webhook's URL must have a port from 1 to 65535"
        );
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            // A redirection leads to another receiver, and turns a POST into a GET.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("convodb-api-server/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            agent: Agent::new_with_config(config),
            url: url.to_owned(),
            mac: Hmac::new_from_slice(secret.as_bytes()).context("the secret cannot be used")?,
        })
    }

    /// Posts an event once. Only an answer of 2xx accepts it.
    pub(super) fn post(&self, event: &Event) -> Result<()> {
        let body = serde_json::to_vec(event)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let response = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json")
            .header("X-Convodb-Event", event.kind.as_str())
            .header("X-Convodb-Sequence", event.seq.get())
            .header("X-Convodb-Timestamp", now)
            .header("X-Convodb-Signature", self.signature(now, &body))
            .send(&body)?;
        let status = response.status();
        let mut answer = response.into_body().into_reader().take(ANSWER_BYTES);
        std::io::copy(&mut answer, &mut std::io::sink())?;
        if !status.is_success() {
            bail!("it answered {status}");
        }
        Ok(())
    }

    /// Signs the time and the body together, so that neither can be combined with another one.
    fn signature(&self, timestamp: u64, body: &[u8]) -> String {
        let mut mac = self.mac.clone();
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        let digest = mac.finalize().into_bytes();
        let hex = digest.iter().map(|byte| format!("{byte:02x}"));
        "sha256=".chars().map(String::from).chain(hex).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_openssl_computes() -> Result<()> {
        // printf '1776331200.{}' | openssl dgst -sha256 -hmac secret
        let target = Target::new("http://localhost:1/", "secret")?;
        assert_eq!(
            target.signature(1_776_331_200, b"{}"),
            "sha256=1e6f694d61daf4ace4de5d55865c79945893b8d95ea784bb3f9c85e51538596e"
        );
        Ok(())
    }

    #[test]
    fn an_address_of_another_kind_is_refused() {
        for url in ["", "localhost", "ftp://localhost/", "/events"] {
            assert!(Target::new(url, "secret").is_err(), "{url}");
        }
        for (url, reason) in [
            ("http://localhost:99999/", "port"),
            ("http://localhost:0/", "port"),
            ("http://localhost:/", "port"),
            ("http://[::1]x/", "port"),
            ("http://:8080/", "host"),
            ("http://localhost/#events", "fragment"),
        ] {
            let refused = Target::new(url, "secret")
                .err()
                .map(|error| format!("{error:#}"));
            assert!(
                refused.is_some_and(|refused| refused.contains(reason)),
                "{url}"
            );
        }
        for url in [
            "https://user:secret@example.com:8443/events?a=b",
            "http://[::1]:8080/",
        ] {
            assert!(Target::new(url, "secret").is_ok(), "{url}");
        }
        assert!(Target::new("https://example.com/events", "secret").is_ok());
    }
}
