//! Events and audit logs.

use std::ops::RangeInclusive;

use convodb_core::{ConversationId, Event, EventKind, EventSeq, NewEvent, Result};

use super::{FindingKind, Verifier, unless_corrupted};
use crate::storage::kinds::{AUDIT_LOGS, CONVERSATIONS, EVENTS, PURGED};
use crate::storage::{View, events, tables};

impl Verifier<'_> {
    /// Each event: that it can be read, and that none is missing from the oldest to the newest.
    /// Each row of an audit log: that its conversation is there, and that its event is one that the log
    /// keeps.
    pub(super) fn check_events(&mut self) -> Result<()> {
        let head = self.view.head();
        let kept = head.oldest_event..=head.newest_event;
        let mut expected = head.oldest_event;
        self.each(tables::EVENTS, |verifier, key, bytes| {
            verifier.look_up(tables::EVENTS, key)?;
            if AUDIT_LOGS.has(key) {
                let parsed = AUDIT_LOGS.parse(key);
                if let Some((of, seq)) = verifier.readable(tables::EVENTS, key, parsed)? {
                    let is_plain = bytes.is_empty() && kept.contains(&seq);
                    verifier.check_audited(key, is_plain, of)?;
                    if is_plain {
                        verifier.check_event_of(key, of, seq)?;
                    }
                }
                return Ok(());
            }
            if PURGED.has(key) {
                let decoded = events::decode_purged(key, bytes);
                if let Some(event) = verifier.readable(tables::EVENTS, key, decoded)? {
                    let was = EventSeq::ZERO.next()..head.oldest_event;
                    let was_kept = was.contains(&event.seq);
                    verifier.check_audited(key, was_kept, event.conversation_id)?;
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

    /// An audit log is that of a conversation which is there.
    fn check_audited(&mut self, key: &[u8], is_possible: bool, of: ConversationId) -> Result<()> {
        if !is_possible || !CONVERSATIONS.contains(&self.view.rows, &of)? {
            self.found(tables::EVENTS, key, FindingKind::Unexpected);
        }
        Ok(())
    }

    /// The event of a number in an audit log. One that cannot be read is reported once, as an event.
    fn check_event_of(&mut self, key: &[u8], of: ConversationId, seq: EventSeq) -> Result<()> {
        let event = unless_corrupted(EVENTS.get(&self.view.rows, &seq))?.flatten();
        let belongs = |event: NewEvent| event.conversation_id == of && event.kind.is_audited();
        if event.is_some_and(|event| !belongs(event)) {
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
