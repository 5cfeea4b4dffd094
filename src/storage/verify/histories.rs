//! Messages and notes.

use convodb_core::{Channel, Message, ProviderIdState, Result};

use super::rebuild::{Home, Homes};
use super::{FindingKind, VerifyReport, unless_corrupted};
use crate::storage::scan::Scan;
use crate::storage::{View, messages, provider_ids, tables};

/// Each message and note: that it can be read, that it belongs to a conversation, and that a
/// message can be found by its id.
pub(super) fn check(view: &View, report: &mut VerifyReport) -> Result<()> {
    let rows = view.rows();
    let mut homes = Homes::new(view);
    let mut scan = Scan::new(rows, tables::MESSAGES)?;
    while let Some((key, bytes)) = report.next(&mut scan)? {
        report.messages += 1;
        report.look_up(rows, tables::MESSAGES, &key)?;
        let checked = messages::check_message(rows, &key, &bytes);
        let Some((message, found_by_id)) = report.readable(tables::MESSAGES, &key, checked)? else {
            continue;
        };
        if !found_by_id {
            report.found(tables::MESSAGES, &key, FindingKind::Different);
        }
        match homes.of(message.conversation_id)? {
            Home::None => report.found(tables::MESSAGES, &key, FindingKind::Unexpected),
            Home::Unreadable => {}
            Home::On(channel) => check_provider_id(view, report, channel, &message)?,
        }
    }
    let mut scan = Scan::new(rows, tables::NOTES)?;
    while let Some((key, bytes)) = report.next(&mut scan)? {
        report.notes += 1;
        report.look_up(rows, tables::NOTES, &key)?;
        let checked = messages::check_note(&key, &bytes);
        let Some((id, _)) = report.readable(tables::NOTES, &key, checked)? else {
            continue;
        };
        if matches!(homes.of(id)?, Home::None) {
            report.found(tables::NOTES, &key, FindingKind::Unexpected);
        }
    }
    Ok(())
}

/// A message's provider's id leads to it.
fn check_provider_id(
    view: &View,
    report: &mut VerifyReport,
    channel: Channel,
    message: &Message,
) -> Result<()> {
    let Some(id) = &message.provider_id else {
        return Ok(());
    };
    let (rows, hashes) = (view.rows(), view.hashes());
    let inbox = channel.into();
    let key = provider_ids::key(hashes, inbox, id);
    match unless_corrupted(provider_ids::find(rows, hashes, inbox, id))? {
        Some(Some(ProviderIdState::Message(of, own)))
            if (of, own) == (message.conversation_id, message.id) => {}
        Some(Some(ProviderIdState::Unmatched(_)) | None) => {
            report.found(tables::CATALOG, &key, FindingKind::Missing);
        }
        Some(_) => report.found(tables::CATALOG, &key, FindingKind::Different),
        None => {}
    }
    Ok(())
}
