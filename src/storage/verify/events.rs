//! Events and histories.

use std::ops::RangeInclusive;

use convodb_core::{ConversationId, ErrorKind, Event, EventKind, Result};

use super::{FindingKind, Verification};
use crate::kv::Read as _;
use crate::storage::keys::{self, event_kind};
use crate::storage::scan::Scan;
use crate::storage::{View, events, tables};

/// Each event: that it can be read, and that none is missing from the oldest to the newest. Each
/// row of a history: that its conversation is there, and that it says what the event of its number
/// says, for as long as that is kept.
pub(super) fn check(view: &View, report: &mut Verification) -> Result<()> {
    let head = view.head();
    let kept = head.oldest_event..=head.newest_event;
    let rows = view.rows();
    let mut expected = head.oldest_event;
    let mut scan = Scan::new(rows, tables::EVENTS)?;
    while let Some((key, bytes)) = report.next(&mut scan)? {
        report.look_up(rows, tables::EVENTS, &key)?;
        match key.first() {
            Some(&event_kind::EVENTS) => {
                let parsed = keys::parse_event(&key);
                let Some(sequence) = report.readable(tables::EVENTS, &key, parsed)? else {
                    continue;
                };
                report.events += 1;
                if !kept.contains(&sequence) {
                    report.found(tables::EVENTS, &key, FindingKind::Unexpected);
                    continue;
                }
                lost(report, expected..=sequence - 1);
                expected = sequence + 1;
                let decoded = events::decode(&key, &bytes);
                if let Some(event) = report.readable(tables::EVENTS, &key, decoded)? {
                    check_is_in_history(view, report, &event)?;
                }
            }
            Some(&event_kind::HISTORIES) => {
                let decoded = events::decode_history(&key, &bytes);
                if let Some(event) = report.readable(tables::EVENTS, &key, decoded)? {
                    check_history(view, report, &key, (&event, &kept))?;
                }
            }
            _ => report.found(tables::EVENTS, &key, FindingKind::Unexpected),
        }
    }
    lost(report, expected..=head.newest_event);
    Ok(())
}

fn lost(report: &mut Verification, missing: RangeInclusive<u64>) {
    for sequence in missing {
        let key = keys::event(sequence);
        report.found(tables::EVENTS, &key, FindingKind::Missing);
    }
}

fn is_there(view: &View, id: ConversationId) -> Result<bool> {
    let record = view
        .rows()
        .get(tables::CONVERSATIONS, &keys::conversation(id))?;
    Ok(record.is_some())
}

/// The history of a conversation that is there begins with its creation, as far as it can be read.
pub(super) fn history_begins(view: &View, id: ConversationId) -> bool {
    match events::first_of_history(view.rows(), id) {
        Ok(first) => first.is_some_and(|first| is_creation(&first)),
        // What cannot be read is reported once, as a row.
        Err(_) => true,
    }
}

fn is_creation(event: &Event) -> bool {
    matches!(event.kind, EventKind::ConversationCreated { .. })
}

/// What a history keeps is in that of its conversation, if that is there. One that was deleted and
/// imported again has a new history, behind the events of its earlier life.
fn check_is_in_history(view: &View, report: &mut Verification, event: &Event) -> Result<()> {
    let id = event.conversation_id;
    if !event.kind.is_history() || !is_there(view, id)? {
        return Ok(());
    }
    let key = keys::history(id, event.sequence);
    if view.rows().get(tables::EVENTS, &key)?.is_some() {
        return Ok(());
    }
    let is_missing = match events::first_of_history(view.rows(), id) {
        Ok(Some(first)) => first.sequence < event.sequence || !is_creation(&first),
        Ok(None) => true,
        Err(error) if error.kind() == ErrorKind::Corrupted => false,
        Err(error) => return Err(error),
    };
    if is_missing {
        report.found(tables::EVENTS, &key, FindingKind::Missing);
    }
    Ok(())
}

fn check_history(
    view: &View,
    report: &mut Verification,
    key: &[u8],
    (event, kept): (&Event, &RangeInclusive<u64>),
) -> Result<()> {
    if !is_there(view, event.conversation_id)? || event.sequence > *kept.end() {
        report.found(tables::EVENTS, key, FindingKind::Unexpected);
        return Ok(());
    }
    if !kept.contains(&event.sequence) {
        return Ok(());
    }
    let own = keys::event(event.sequence);
    if let Some(bytes) = view.rows().get(tables::EVENTS, &own)? {
        // One that cannot be read is reported once, as an event.
        if events::decode(&own, &bytes).is_ok_and(|known| known != *event) {
            report.found(tables::EVENTS, key, FindingKind::Different);
        }
    }
    Ok(())
}
