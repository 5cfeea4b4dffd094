//! Events and audit logs.

use std::ops::RangeInclusive;

use convodb_core::{ConversationId, Event, EventKind, EventSeq, NewEvent, Result};

use super::{FindingKind, Verifier, unless_corrupted};
use crate::storage::kinds::{AUDIT_LOGS, CONTACT_EVENTS, CONVERSATIONS, EVENTS, Hash, PURGED};
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
                    let of = event.subject.conversation_id();
                    verifier.check_audited(
                        key,
                        was_kept,
                        of.unwrap_or(ConversationId::from_raw(0)),
                    )?;
                }
                return Ok(());
            }
            if CONTACT_EVENTS.has(key) {
                let parsed = CONTACT_EVENTS.parse(key);
                if let Some((contact, seq)) = verifier.readable(tables::EVENTS, key, parsed)?
                    && !(bytes.is_empty() && verifier.names_contact(&contact, seq)?)
                {
                    verifier.found(tables::EVENTS, key, FindingKind::Unexpected);
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
            let decoded = EVENTS.record(key, bytes);
            if let Some(event) = verifier.readable(tables::EVENTS, key, decoded)? {
                verifier.check_is_audited(&event.clone().numbered(seq))?;
                verifier.check_contacts(event, seq)?;
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
        let rows = &self.view.rows;
        let Some(id) = event.subject.conversation_id() else {
            return Ok(());
        };
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

    /// Whether an event names a contact. One that cannot be read is reported once, as an event.
    fn names_contact(&self, contact: &Hash, seq: EventSeq) -> Result<bool> {
        let event = unless_corrupted(EVENTS.get(&self.view.rows, &seq))?;
        let hashes = self.view.known.hashes;
        let names = |event: NewEvent| {
            let mut contacts = event.contacts();
            contacts.any(|id| hashes.of_contact(id) == *contact)
        };
        Ok(event.is_none_or(|event| event.is_some_and(names)))
    }

    /// Each contact that an event names can be taken out of it.
    fn check_contacts(&mut self, event: NewEvent, seq: EventSeq) -> Result<()> {
        for contact in event.contacts() {
            let key = (self.view.known.hashes.of_contact(contact), seq);
            if !CONTACT_EVENTS.contains(&self.view.rows, &key)? {
                self.found(
                    tables::EVENTS,
                    &CONTACT_EVENTS.key(&key),
                    FindingKind::Missing,
                );
            }
        }
        Ok(())
    }

    /// The event of a number in an audit log. One that cannot be read is reported once, as an event.
    fn check_event_of(&mut self, key: &[u8], of: ConversationId, seq: EventSeq) -> Result<()> {
        let event = unless_corrupted(EVENTS.get(&self.view.rows, &seq))?.flatten();
        if event.is_some_and(|event| event.audited_in() != Some(of)) {
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
