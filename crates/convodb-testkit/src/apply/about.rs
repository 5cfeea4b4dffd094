//! Commands about one conversation as a whole. Another one needs this file alone: what it is given, how
//! it comes out of bytes, and what it does to the model.

use convodb::commands::{MarkRead, RemoveNote, Resolve};
use convodb::{Conversation, ConversationId, ErrorKind, Result};

use super::call::Call;
use crate::backend::Commands;
use crate::bytes::Bytes;
use crate::model::{Entry, Model};
use crate::op::Sight;
use crate::rules::refused_if;
use crate::verdict::{Expected, Refusal};

/// A command about one conversation, without its id.
#[derive(Clone, Copy, Debug)]
pub enum About {
    Resolve,
    MarkRead { read_count: Sight },
    RemoveNote { note: u8 },
}

impl About {
    pub(crate) fn from_bytes(bytes: &mut Bytes<'_>) -> Self {
        match bytes.below(5) {
            0 | 2 => Self::Resolve,
            4 => Self::RemoveNote {
                note: bytes.below(u8::MAX),
            },
            _ => Self::MarkRead {
                read_count: bytes.sight(),
            },
        }
    }
}

pub(super) fn run(
    call: &mut Call<'_, impl Commands>,
    conversation: ConversationId,
    about: About,
) -> Result<()> {
    let mut refusals: Vec<_> = call.model.missing(conversation).into_iter().collect();
    match about {
        About::Resolve => {
            let command = Resolve { conversation };
            call.settle(Some(conversation), refusals, command, |model| {
                model.resolve(conversation)
            })
        }
        About::MarkRead { read_count } => {
            let read_count = call.model.seen_messages(conversation, read_count);
            refusals.extend(call.model.refused_mark(conversation, read_count));
            let command = MarkRead {
                conversation,
                read_count,
            };
            call.settle(Some(conversation), refusals, command, |model| {
                model.mark_read(conversation, read_count)
            })
        }
        About::RemoveNote { note } => {
            let note = call.model.pick_note(conversation, note);
            let notes = call.model.entry(conversation).map(|entry| &entry.notes);
            let is_there = notes.is_some_and(|notes| notes.iter().any(|one| one.id == note));
            let missing = refused_if(!is_there, Refusal::of(ErrorKind::NotFound));
            refusals.extend(missing);
            let command = RemoveNote { conversation, note };
            call.settle(Some(conversation), refusals, command, |model| {
                model.remove_note(conversation, note)
            })
        }
    }
}

impl Model {
    /// How many messages from the contact somebody saw.
    fn seen_messages(&self, id: ConversationId, sight: Sight) -> u64 {
        let inbound = self.entry(id).map_or(0, Entry::inbound);
        match sight {
            Sight::Present => inbound,
            // Now and then one more than there are.
            Sight::Of(number) => u64::from(number) % (inbound + 2),
        }
    }

    fn refused_mark(&self, id: ConversationId, read_count: u64) -> Option<Refusal> {
        let inbound = self.entry(id)?.inbound();
        refused_if(read_count > inbound, Refusal::invalid("read_count"))
    }

    /// A mark never goes back; it is no activity.
    fn mark_read(&mut self, id: ConversationId, read_count: u64) -> Expected<Conversation> {
        let entry = self.entry_mut(id);
        let changed = read_count > entry.read_count;
        entry.read_count = entry.read_count.max(read_count);
        if changed {
            self.add_reassignment_events(id);
        }
        self.touched |= changed;
        Expected::plain(self.shown(id), changed)
    }
}
