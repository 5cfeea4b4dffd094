//! Events and audit logs.

use std::ops::RangeInclusive;

use convodb_core::{ConversationId, Event, EventKind, EventSeq, Result};

use super::{FindingKind, Verifier, unless_corrupted};
use crate::storage::kinds::{AUDIT_LOGS, CONVERSATIONS, EVENTS};
use crate::storage::{View, events, tables};

impl Verifier<'_> {
    /// Each event: that it can be read, and that none is missing from the oldest to the newest.
    /// Each row of an audit log: that its conversation is there, and that it says what the event of
    /// its number says, for as long as that is kept.
    pub(super) fn check_events(&mut self) -> Result<()> {
        let head = self.view.head();
        let kept = head.oldest_event..=head.newest_event;
        let mut expected = head.oldest_event;
        self.each(tables::EVENTS, |verifier, key, bytes| {
            verifier.look_up(tables::EVENTS, key)?;
            if AUDIT_LOGS.has(key) {
                let decoded = events::decode_audited(key, bytes);
                if let Some(event) = verifier.readable(tables::EVENTS, key, decoded)? {
                    verifier.check_audited(key, &event, &kept)?;
                }
                return Ok(());
            }
            if !EVENTS.has(key) {
                verifier.found(tables::EVENTS, key, FindingKind::Unexpected);
                return Ok(());
            }
            let parsed = EVENTS.parse(key);
            let Some(seq) = verifier.readable(tables::EVENTS, key, parsed)? else {
                return Ok(());
            };
            verifier.report.events += 1;
            if !kept.contains(&seq) {
                verifier.found(tables::EVENTS, key, FindingKind::Unexpected);
                return Ok(());
            }
            verifier.lack_events(expected.get()..=seq.get() - 1);
            expected = seq.next();
            let decoded = events::decode(key, bytes);
            if let Some(event) = verifier.readable(tables::EVENTS, key, decoded)? {
                verifier.check_is_audited(&event)?;
            }
            Ok(())
        })?;
        self.lack_events(expected.get()..=head.newest_event.get());
        Ok(())
    }

    fn lack_events(&mut self, missing: RangeInclusive<u64>) {
        for seq in missing {
            let key = EVENTS.key(&EventSeq::new(seq));
            self.found(tables::EVENTS, &key, FindingKind::Missing);
        }
    }

    /// What an audit log keeps is in that of its conversation, if that is there. One that was
    /// deleted and imported again has a new one, behind the events of its earlier life.
    fn check_is_audited(&mut self, event: &Event) -> Result<()> {
        let (rows, id) = (&self.view.rows, event.conversation_id);
        if !event.kind.is_audited()
            || !CONVERSATIONS.contains(rows, &id)?
            || AUDIT_LOGS.contains(rows, &(id, event.seq))?
        {
            return Ok(());
        }
        let is_before = |first: &Event| first.seq < event.seq || !is_creation(first);
        let first = unless_corrupted(first_audited(self.view, id))?;
        if first.is_some_and(|first| first.as_ref().is_none_or(is_before)) {
            let key = AUDIT_LOGS.key(&(id, event.seq));
            self.found(tables::EVENTS, &key, FindingKind::Missing);
        }
        Ok(())
    }

    fn check_audited(
        &mut self,
        key: &[u8],
        event: &Event,
        kept: &RangeInclusive<EventSeq>,
    ) -> Result<()> {
        let rows = &self.view.rows;
        let has_been = (EventSeq::ZERO.next()..=*kept.end()).contains(&event.seq);
        if !has_been || !CONVERSATIONS.contains(rows, &event.conversation_id)? {
            self.found(tables::EVENTS, key, FindingKind::Unexpected);
        } else if kept.contains(&event.seq)
            // One that cannot be read is reported once, as an event.
            && let Some(Some(known)) = unless_corrupted(EVENTS.get(rows, &event.seq))?
            && known.numbered(event.seq) != *event
        {
            self.found(tables::EVENTS, key, FindingKind::Different);
        }
        Ok(())
    }
}

/// The first event in the audit log of a conversation. O(1).
fn first_audited(view: &View, id: ConversationId) -> Result<Option<Event>> {
    events::audit_log(&view.rows, id)?.next().transpose()
}

/// The audit log of a conversation that is there begins with its creation, as far as it can be
/// read.
pub(super) fn audit_log_begins(view: &View, id: ConversationId) -> Result<bool> {
    // What cannot be read is reported once, as a row.
    let first = unless_corrupted(first_audited(view, id))?;
    Ok(first.is_none_or(|first| first.is_some_and(|first| is_creation(&first))))
}

fn is_creation(event: &Event) -> bool {
    matches!(event.kind, EventKind::ConversationCreated { .. })
}
