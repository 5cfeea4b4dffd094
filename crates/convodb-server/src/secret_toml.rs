//! TOML that has secrets, or digests of keys.

use anyhow::{Result, anyhow};
use serde::de::DeserializeOwned;

/// Reads TOML. The error has the number of the line and not its text, which may have a secret.
pub(crate) fn parse_toml<T: DeserializeOwned>(text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.unwrap_or_default().matches('\n').count() + 1;
        // Nor a value of another type, which the message shows.
        let message = error.message();
        match message.split_once(", expected ") {
            Some((found, expected)) if found.starts_with("invalid") => {
                anyhow!("line {line}: expected {expected}")
            }
            _ => anyhow!("line {line}: {message}"),
        }
    })
}
