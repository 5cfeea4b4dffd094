//! The rows of the catalog.

use convodb_core::Result;

use super::{FindingKind, VerifyReport};
use crate::kv::Read as _;
use crate::storage::conversations::Stored;
use crate::storage::keys::{self, catalog_kind};
use crate::storage::scan::Scan;
use crate::storage::{View, consumers, conversations, idempotency, messages, provider_ids, tables};

/// Each thread, message time and provider's id: that what it names is there.
pub(super) fn check(view: &View, report: &mut VerifyReport) -> Result<()> {
    let rows = view.rows();
    let mut scan = Scan::new(rows, tables::CATALOG)?;
    while let Some((key, bytes)) = report.next(&mut scan)? {
        report.look_up(rows, tables::CATALOG, &key)?;
        let unexpected = |holds| (holds, FindingKind::Unexpected);
        let different = |holds| (holds, FindingKind::Different);
        let checked = match key.first() {
            Some(&catalog_kind::THREADS) => unexpected(is_thread(view, &key, &bytes)),
            Some(&catalog_kind::MESSAGE_TIMES) => unexpected(messages::has_message(rows, &key)),
            Some(&catalog_kind::PROVIDER_IDS) => {
                unexpected(provider_ids::is_valid(rows, view.hashes(), &key, &bytes))
            }
            Some(&catalog_kind::COMMANDS) => different(idempotency::is_dated(rows, &key, &bytes)),
            Some(&catalog_kind::COMMAND_TIMES) => unexpected(idempotency::has_command(rows, &key)),
            Some(&catalog_kind::UNMATCHED) => {
                unexpected(provider_ids::is_unmatched(rows, &key, &bytes))
            }
            Some(&catalog_kind::CONSUMERS) => {
                let consumer = consumers::decode(&key, &bytes);
                different(consumer.map(|one| one.position <= view.head().newest_event))
            }
            Some(&catalog_kind::REDIRECTS) => {
                let is_stored = |owner| {
                    // A total that cannot be read is reported once, among the totals.
                    let stored = view.totals().of_bucket(owner);
                    stored.map_or(true, |stored| stored > 0)
                };
                match keys::parse_redirect(&key) {
                    Ok(owner) if view.directory().leads_somewhere(owner) => {
                        unexpected(Ok(is_stored(owner)))
                    }
                    owner => different(owner.map(|_| false)),
                }
            }
            // The directory and the file's head were read when the view was made.
            Some(&(catalog_kind::META | catalog_kind::DIRECTORY)) => continue,
            _ => unexpected(Ok(false)),
        };
        report.check(tables::CATALOG, &key, checked)?;
    }
    Ok(())
}

/// Whether a thread leads to the conversation of its contact and channel, as far as that can be read.
fn is_thread(view: &View, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let record_key = keys::conversation(conversations::decode_thread(key, bytes)?);
    let Some(record) = view.rows().get(tables::CONVERSATIONS, &record_key)? else {
        return Ok(false);
    };
    let stored = conversations::decode(view.directory(), &record_key, &record);
    Ok(stored.map_or(true, |Stored { conversation, .. }| {
        keys::thread(conversation.channel.into(), &conversation.contact_id) == key
    }))
}
