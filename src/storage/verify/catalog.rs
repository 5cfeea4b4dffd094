//! What lies in the catalog beside the records.

use convodb_core::{ConversationId, Result};

use super::{FindingKind, Verification};
use crate::kv::Read as _;
use crate::storage::conversations::Filed;
use crate::storage::keys::{self, catalog_kind};
use crate::storage::records::ThreadV1;
use crate::storage::scan::Scan;
use crate::storage::{
    View, codec, commands, consumers, conversations, messages, provider_ids, tables,
};

/// Each thread, message time and provider's id: that what it names is there.
pub(super) fn check(view: &View, report: &mut Verification) -> Result<()> {
    let rows = view.rows();
    let mut scan = Scan::new(rows, tables::CATALOG)?;
    while let Some((key, bytes)) = report.next(&mut scan)? {
        report.look_up(rows, tables::CATALOG, &key)?;
        match key.first() {
            Some(&catalog_kind::THREADS) => check_thread(view, report, &key, &bytes)?,
            Some(&catalog_kind::MESSAGE_TIMES) => {
                let parsed = keys::parse_message_time(&key);
                let Some((conversation, message)) =
                    report.readable(tables::CATALOG, &key, parsed)?
                else {
                    continue;
                };
                let found = messages::find(rows, conversation, message);
                if let Some(None) = report.readable(tables::CATALOG, &key, found)? {
                    report.found(tables::CATALOG, &key, FindingKind::Unexpected);
                }
            }
            Some(&catalog_kind::PROVIDER_IDS) => {
                let stands = provider_ids::stands(rows, view.hashes(), &key, &bytes);
                if let Some(false) = report.readable(tables::CATALOG, &key, stands)? {
                    report.found(tables::CATALOG, &key, FindingKind::Unexpected);
                }
            }
            Some(&catalog_kind::COMMANDS) => {
                let stands = commands::stands(rows, &key, &bytes);
                if let Some(false) = report.readable(tables::CATALOG, &key, stands)? {
                    report.found(tables::CATALOG, &key, FindingKind::Different);
                }
            }
            Some(&catalog_kind::COMMAND_TIMES) => {
                let dates = commands::dates(rows, &key);
                if let Some(false) = report.readable(tables::CATALOG, &key, dates)? {
                    report.found(tables::CATALOG, &key, FindingKind::Unexpected);
                }
            }
            Some(&catalog_kind::PARKED) => {
                let waits = provider_ids::waits(rows, &key, &bytes);
                if let Some(false) = report.readable(tables::CATALOG, &key, waits)? {
                    report.found(tables::CATALOG, &key, FindingKind::Unexpected);
                }
            }
            Some(&catalog_kind::CONSUMERS) => {
                let consumer = consumers::decode(&key, &bytes);
                let consumer = report.readable(tables::CATALOG, &key, consumer)?;
                if consumer.is_some_and(|one| one.position > view.head().newest_event) {
                    report.found(tables::CATALOG, &key, FindingKind::Different);
                }
            }
            Some(&catalog_kind::MOVED) => check_moved(view, report, &key)?,
            // The directory and the file's head were read when the view was made.
            Some(&(catalog_kind::META | catalog_kind::DIRECTORY)) => {}
            _ => report.found(tables::CATALOG, &key, FindingKind::Unexpected),
        }
    }
    Ok(())
}

/// The takeover of a bucket that has moved ends with somebody or nobody, and is still to be filed by.
fn check_moved(view: &View, report: &mut Verification, key: &[u8]) -> Result<()> {
    let parsed = keys::parse_moved(key);
    let Some(bucket) = report.readable(tables::CATALOG, key, parsed)? else {
        return Ok(());
    };
    let directory = view.directory();
    if !directory.has_heir(bucket) {
        report.found(tables::CATALOG, key, FindingKind::Different);
    } else if !directory.is_entered(bucket)
        // A total that cannot be read is reported once, among the totals.
        && view.totals().of_bucket(bucket).is_ok_and(|filed| filed == 0)
    {
        report.found(tables::CATALOG, key, FindingKind::Unexpected);
    }
    Ok(())
}

fn check_thread(view: &View, report: &mut Verification, key: &[u8], bytes: &[u8]) -> Result<()> {
    let decoded = codec::decode::<ThreadV1>(key, bytes);
    let Some(thread) = report.readable(tables::CATALOG, key, decoded)? else {
        return Ok(());
    };
    let id = ConversationId::from_raw(thread.conversation);
    let record_key = keys::conversation(id);
    let Some(record) = view.rows().get(tables::CONVERSATIONS, &record_key)? else {
        report.found(tables::CATALOG, key, FindingKind::Unexpected);
        return Ok(());
    };
    let state = conversations::decode(view.directory(), &record_key, &record);
    if state.is_ok_and(|Filed { state, .. }| keys::thread(state.channel, &state.contact_id) != key)
    {
        report.found(tables::CATALOG, key, FindingKind::Unexpected);
    }
    Ok(())
}
