//! What can be derived from the records, derived anew.

use std::ops::Bound;

use convodb_core::{Channel, ConversationId, ConversationState, ErrorKind, Result};

use crate::kv::Read as _;
use crate::storage::batch::Batch;
use crate::storage::conversations::{Filed, IndexRows};
use crate::storage::keys::{self, catalog_kind};
use crate::storage::scan::Scan;
use crate::storage::{View, Writer, conversations, messages, provider_ids, tables};

/// What a message or note lies in.
#[derive(Clone, Copy)]
pub(super) enum Home {
    None,
    Unreadable,
    On(Channel),
}

/// The conversations of a walk through histories, each looked up once.
pub(super) struct Homes<'a> {
    view: &'a View,
    last: Option<(ConversationId, Home)>,
}

impl<'a> Homes<'a> {
    pub(super) fn new(view: &'a View) -> Self {
        Self { view, last: None }
    }

    pub(super) fn of(&mut self, id: ConversationId) -> Result<Home> {
        if let Some((last, home)) = self.last
            && last == id
        {
            return Ok(home);
        }
        let key = keys::conversation(id);
        let home = match self.view.rows().get(tables::CONVERSATIONS, &key)? {
            None => Home::None,
            Some(bytes) => match conversations::decode(self.view.directory(), &key, &bytes) {
                Ok(filed) => Home::On(filed.state.channel),
                Err(_) => Home::Unreadable,
            },
        };
        self.last = Some((id, home));
        Ok(home)
    }
}

/// Counts the messages from the contact anew; whether there are not as many as its record says.
fn recount(view: &View, state: &mut ConversationState) -> Result<bool> {
    let inbound = match messages::count_inbound(view.rows(), state.id) {
        Ok(inbound) => inbound,
        // One of them cannot be read: the record may be right.
        Err(error) if error.kind() == ErrorKind::Corrupted => return Ok(false),
        Err(error) => return Err(error),
    };
    let differs = inbound != state.inbound;
    state.inbound = inbound;
    state.seen = state.seen.min(inbound);
    Ok(differs)
}

/// The rows of so many records are rebuilt at a time.
const REBUILT_AT_ONCE: usize = 16_384;

impl Writer<'_> {
    /// Throws every index entry, total, thread and message's provider's id away, and derives them
    /// anew from the records that can be read; so is each count of inbound messages. O(everything).
    pub(crate) fn rebuild(&mut self, view: &View) -> Result<()> {
        let (rows, index) = self.begin_rebuild()?;
        rows.remove_range(tables::INDEX, (Bound::Unbounded, Bound::Unbounded))?;
        let (from, to) = ([catalog_kind::THREADS], [catalog_kind::THREADS + 1]);
        rows.remove_range(
            tables::CATALOG,
            (Bound::Included(&from), Bound::Excluded(&to)),
        )?;
        let mut batch = Batch::default();
        let mut entries = IndexRows::default();
        for (nth, row) in Scan::new(view.rows(), tables::CONVERSATIONS)?.enumerate() {
            let (key, bytes) = row?;
            match conversations::decode(view.directory(), &key, &bytes) {
                Ok(Filed { mut state, bucket }) => {
                    if recount(view, &mut state)? {
                        conversations::stage_record(&mut batch, bucket, &state)?;
                    }
                    conversations::stage_derived(&mut batch, &mut entries, bucket, &state)?;
                }
                // Nothing can be derived from it; `verify` goes on telling of it.
                Err(error) if error.kind() == ErrorKind::Corrupted => {}
                Err(error) => return Err(error),
            }
            if nth % REBUILT_AT_ONCE == REBUILT_AT_ONCE - 1 {
                batch.write(rows)?;
                entries.write(rows, index)?;
            }
        }
        batch.write(rows)?;
        entries.write(rows, index)?;
        provider_ids::remove_stored(rows)?;
        let mut homes = Homes::new(view);
        for (nth, row) in Scan::new(view.rows(), tables::MESSAGES)?.enumerate() {
            let (key, bytes) = row?;
            match messages::decode(&key, &bytes) {
                Ok(message) => {
                    if let Home::On(channel) = homes.of(message.conversation_id)? {
                        provider_ids::stage(&mut batch, view.hashes(), channel, &message)?;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Corrupted => {}
                Err(error) => return Err(error),
            }
            if nth % REBUILT_AT_ONCE == REBUILT_AT_ONCE - 1 {
                batch.write(rows)?;
            }
        }
        batch.write(rows)?;
        self.settle()?;
        self.forget_drained()
    }
}
