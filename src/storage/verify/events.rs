//! Events and histories.

use std::ops::RangeInclusive;

use convodb_core::{ConversationId, Event, EventKind, EventSeq, Result};

use super::{FindingKind, VerifyReport, unless_corrupted};
use crate::kv::Read as _;
use crate::storage::keys::{self, event_kind};
use crate::storage::scan::Scan;
use crate::storage::{View, events, tables};

/// Each event: that it can be read, and that none is missing from the oldest to the newest. Each
/// row of a history: that its conversation is there, and that it says what the event of its number
/// says, for as long as that is kept.
pub(super) fn check(view: &View, report: &mut VerifyReport) -> Result<()> {
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
                lost(report, expected.get()..=sequence.get() - 1);
                expected = sequence.next();
                let decoded = events::decode(&key, &bytes);
                if let Some(event) = report.readable(tables::EVENTS, &key, decoded)? {
                    check_is_audited(view, report, &event)?;
                }
            }
            Some(&event_kind::AUDIT_LOGS) => {
                let decoded = events::decode_audited(&key, &bytes);
                if let Some(event) = report.readable(tables::EVENTS, &key, decoded)? {
                    check_audited(view, report, &key, (&event, &kept))?;
                }
            }
            _ => report.found(tables::EVENTS, &key, FindingKind::Unexpected),
        }
    }
    lost(report, expected.get()..=head.newest_event.get());
    Ok(())
}

fn lost(report: &mut VerifyReport, missing: RangeInclusive<u64>) {
    for sequence in missing {
        let key = keys::event(EventSeq::new(sequence));
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
pub(super) fn audit_log_begins(view: &View, id: ConversationId) -> bool {
    // What cannot be read is reported once, as a row.
    let first = events::first_audited(view.rows(), id);
    first.map_or(true, |first| first.is_some_and(|first| is_creation(&first)))
}

fn is_creation(event: &Event) -> bool {
    matches!(event.kind, EventKind::ConversationCreated { .. })
}

/// What a history keeps is in that of its conversation, if that is there. One that was deleted and
/// imported again has a new history, behind the events of its earlier life.
fn check_is_audited(view: &View, report: &mut VerifyReport, event: &Event) -> Result<()> {
    let id = event.conversation_id;
    if !event.kind.is_audited() || !is_there(view, id)? {
        return Ok(());
    }
    let key = keys::audit_log(id, event.seq);
    if view.rows().get(tables::EVENTS, &key)?.is_some() {
        return Ok(());
    }
    let first = unless_corrupted(events::first_audited(view.rows(), id))?;
    let is_before = |first: &Event| first.seq < event.seq || !is_creation(first);
    if first.is_some_and(|first| first.as_ref().is_none_or(is_before)) {
        report.found(tables::EVENTS, &key, FindingKind::Missing);
    }
    Ok(())
}

fn check_audited(
    view: &View,
    report: &mut VerifyReport,
    key: &[u8],
    (event, kept): (&Event, &RangeInclusive<EventSeq>),
) -> Result<()> {
    if !is_there(view, event.conversation_id)? || event.seq > *kept.end() {
        report.found(tables::EVENTS, key, FindingKind::Unexpected);
        return Ok(());
    }
    if !kept.contains(&event.seq) {
        return Ok(());
    }
    let own = keys::event(event.seq);
    if let Some(bytes) = view.rows().get(tables::EVENTS, &own)? {
        // One that cannot be read is reported once, as an event.
        if events::decode(&own, &bytes).is_ok_and(|known| known != *event) {
            report.found(tables::EVENTS, key, FindingKind::Different);
        }
    }
    Ok(())
}
