//! Events by their numbers, and the audit log of each conversation.
//!
//! All are in one table, as each that a commit touches costs it. An audit log lives as long as its
//! conversation: it has the numbers of its events, and the events themselves where those are purged.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::{
    ContactId, ConversationId, Error, Event, EventSeq, Hashes, InvalidInput, NewEvent, Result,
};

use super::batch::Sink;
use super::kinds::{AUDIT_LOGS, CONTACT_EVENTS, EVENTS, PURGED, decoded};
use super::{Head, Reader, tables};
use convodb_kv::{Read, WriteTables};

/// Gives an event its number, and writes it.
pub(super) fn append(
    rows: &mut impl Sink,
    hashes: Hashes,
    head: &mut Head,
    event: &NewEvent,
) -> Result<()> {
    head.newest_event = head.newest_event.next();
    EVENTS.put(rows, &head.newest_event, event)?;
    if let Some(conversation) = event.audited_in() {
        AUDIT_LOGS.put_key(rows, &(conversation, head.newest_event))?;
    }
    for contact in event.contacts() {
        CONTACT_EVENTS.put_key(rows, &(hashes.of_contact(contact), head.newest_event))?;
    }
    Ok(())
}

/// Takes a contact out of the events that name it. Their numbers stay, as there are no gaps. O(these).
pub(super) fn erase_contact(
    rows: &mut WriteTables<'_>,
    hashes: Hashes,
    contact: &ContactId,
) -> Result<()> {
    let contact = hashes.of_contact(contact);
    let named = decoded(CONTACT_EVENTS.range(rows, &contact)?, |key, _| {
        CONTACT_EVENTS.parse(key)
    });
    for (_, seq) in named.collect::<Result<Vec<_>>>()? {
        if let Some(event) = EVENTS.get(rows, &seq)? {
            // It may name another one too.
            for named in event.contacts() {
                CONTACT_EVENTS.remove(rows, &(hashes.of_contact(named), seq))?;
            }
            EVENTS.put(rows, &seq, &event.erased())?;
        }
    }
    Ok(())
}

pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<Event> {
    let (seq, event) = EVENTS.decode(key, bytes)?;
    Ok(event.numbered(seq))
}

pub(super) fn decode_purged(key: &[u8], bytes: &[u8]) -> Result<Event> {
    let ((conversation, seq), event) = PURGED.decode(key, bytes)?;
    audited(event, conversation, seq)
}

fn audited(event: NewEvent, conversation: ConversationId, seq: EventSeq) -> Result<Event> {
    if event.audited_in() != Some(conversation) {
        return Err(Error::corrupted(format!(
            "event {seq} is in an audit log to which it does not belong"
        )));
    }
    Ok(event.numbered(seq))
}

impl<R: Read> Reader<'_, R> {
    /// The number of the newest event.
    pub(crate) fn newest_event(&self) -> EventSeq {
        self.known.head.newest_event
    }

    /// At most `limit` events behind one, in their order. O(events read).
    pub(crate) fn events(&self, after: EventSeq, limit: usize) -> Result<Vec<Event>> {
        let head = &self.known.head;
        let Some(left) = head.newest_event.get().checked_sub(after.get()) else {
            // A position of another file: who waited at it would miss what comes until then.
            let reason = format!("must not be above the newest event, {}", head.newest_event);
            return Err(InvalidInput::new("after", reason).into());
        };
        if after.next() < head.oldest_event {
            return Err(Error::events_purged(head.oldest_event));
        }
        let limit = usize::try_from(left).map_or(limit, |left| left.min(limit));
        if limit == 0 {
            return Ok(Vec::new());
        }
        let first = EVENTS.key(&after.next());
        let last = EVENTS.beginning(&()).last();
        let keys = (Bound::Included(&first[..]), Bound::Included(&last[..]));
        let range = self.rows.range(tables::EVENTS, keys)?;
        let mut events = Vec::with_capacity(limit);
        let mut expected = after;
        for row in range.take(limit) {
            expected = expected.next();
            let (key, bytes) = row?;
            let event = decode(&key, &bytes)?;
            if event.seq != expected {
                return Err(missing(expected));
            }
            events.push(event);
        }
        if events.len() < limit {
            return Err(missing(expected.next()));
        }
        Ok(events)
    }
}

fn missing(seq: EventSeq) -> Error {
    Error::corrupted(format!("event {seq} is missing"))
}

/// The audit log of a conversation, oldest first. O(events read · log events).
pub(super) fn audit_log(
    rows: &impl Read,
    conversation: ConversationId,
) -> Result<impl Iterator<Item = Result<Event>>> {
    let purged = decoded(PURGED.range(rows, &conversation)?, decode_purged);
    let kept = decoded(AUDIT_LOGS.range(rows, &conversation)?, |key, _| {
        let (conversation, seq) = AUDIT_LOGS.parse(key)?;
        let event = EVENTS.get(rows, &seq)?.ok_or_else(|| missing(seq))?;
        audited(event, conversation, seq)
    });
    Ok(purged.chain(kept))
}

/// Removes the audit log of a conversation. O(its events).
pub(super) fn remove_audit_log(rows: &mut WriteTables<'_>, of: ConversationId) -> Result<()> {
    PURGED.remove_range(rows, &of)?;
    AUDIT_LOGS.remove_range(rows, &of)
}

/// The number of the first event that is not older than a time, or of the next one. O(log events).
/// Times descend where the clock was corrected: the event before the answer is older even then.
pub(super) fn first_since(rows: &impl Read, head: &Head, at: DateTime<Utc>) -> Result<EventSeq> {
    let (mut from, mut to) = (head.oldest_event.get(), head.newest_event.get() + 1);
    while from < to {
        let middle = from + (to - from) / 2;
        let seq = EventSeq::new(middle);
        let event = EVENTS.get(rows, &seq)?.ok_or_else(|| missing(seq))?;
        if event.at < at {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    Ok(EventSeq::new(from))
}

/// Drops the events before one. Audit logs keep those that they have. O(events dropped).
pub(super) fn purge(
    rows: &mut WriteTables<'_>,
    hashes: Hashes,
    head: &mut Head,
    before: EventSeq,
) -> Result<()> {
    const AT_ONCE: u64 = 1_024;
    let mut from = head.oldest_event;
    while from < before {
        let to = before.min(EventSeq::new(from.get() + AT_ONCE));
        let (first, end) = (EVENTS.key(&from), EVENTS.key(&to));
        let keys = (Bound::Included(&first[..]), Bound::Excluded(&end[..]));
        let events = decoded(rows.range(tables::EVENTS, keys)?, |key, bytes| {
            EVENTS.decode(key, bytes)
        });
        for (seq, event) in events.collect::<Result<Vec<_>>>()? {
            for contact in event.contacts() {
                CONTACT_EVENTS.remove(rows, &(hashes.of_contact(contact), seq))?;
            }
            let key = event.audited_in().map(|conversation| (conversation, seq));
            // It has none any longer if its conversation was deleted.
            if let Some(key) = key
                && AUDIT_LOGS.contains(rows, &key)?
            {
                AUDIT_LOGS.remove(rows, &key)?;
                PURGED.put(rows, &key, &event)?;
            }
        }
        from = to;
    }
    let (first, end) = (EVENTS.beginning(&()), EVENTS.key(&before));
    let keys = (Bound::Included(&first[..]), Bound::Excluded(&end[..]));
    rows.remove_range(tables::EVENTS, keys)?;
    head.oldest_event = before;
    Ok(())
}
