//! The only door through which a conversation's record, its thread and its index entries change:
//! what is written follows from the two states, before and after.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};

use convodb_core::{Channel, ContactId, Conversation, ConversationId, ConversationState, Result};

use super::batch::Batch;
use super::keys::StreamKey;
use super::records::{ConversationV1, RowV1, ThreadV1};
use super::{Directory, codec, keys, plan, tables};
use crate::index::{Edits, Position, Stream};
use crate::kv::{Read, WriteTables};

/// Where a conversation stands: in each index, and where it is unread, in the same stream of the
/// unread ones beside each.
type Places = [Option<(Stream, Position)>; 4];

pub(super) fn places(bucket: u32, state: &ConversationState) -> Places {
    let position = keys::position(state.updated_at, state.id);
    let (status, channel) = (state.status, state.channel);
    let by_state = StreamKey::by_state(status, channel);
    let by_assignee = StreamKey::by_assignee(bucket, status, channel);
    let if_unread = |key: StreamKey| (state.unread() > 0).then(|| key.of_unread());
    [
        Some(by_state),
        Some(by_assignee),
        if_unread(by_state),
        if_unread(by_assignee),
    ]
    .map(|key| key.map(|key| (key.stream(), position)))
}

/// What the indexes show of a conversation, framed for one of them.
pub(super) fn row(
    bucket: u32,
    state: &ConversationState,
    (stream, position): &(Stream, Position),
) -> Result<Vec<u8>> {
    Ok(codec::frame::<RowV1<'_>>(
        &stream.key(position),
        &row_payload(bucket, state)?,
    ))
}

fn row_payload(bucket: u32, state: &ConversationState) -> Result<Vec<u8>> {
    codec::payload(&RowV1 {
        contact_id: state.contact_id.as_bytes(),
        bucket,
        created_us: state.created_at.timestamp_micros(),
        revision: state.revision,
        inbound: state.inbound,
        unread: state.unread(),
    })
}

fn record(bucket: u32, state: &ConversationState) -> ConversationV1<'_> {
    let (status, channel) = ConversationV1::codes(state.status, state.channel);
    ConversationV1 {
        contact_id: state.contact_id.as_bytes(),
        channel,
        status,
        bucket,
        created_us: state.created_at.timestamp_micros(),
        updated_us: state.updated_at.timestamp_micros(),
        revision: state.revision,
        inbound: state.inbound,
        seen: state.seen,
    }
}

fn thread(state: &ConversationState) -> (Vec<u8>, ThreadV1) {
    let conversation = state.id.raw();
    (
        keys::thread(state.channel, &state.contact_id),
        ThreadV1 { conversation },
    )
}

/// A conversation as its record has it. Where that names a bucket that has moved, the assignee is
/// the one who was removed, and the takeovers since then are no revisions yet (R11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filed {
    pub(super) state: ConversationState,
    pub(super) bucket: u32,
}

impl Filed {
    /// The conversation as it is shown, and as commands meet it. Filing it anew changes nothing of
    /// this.
    pub(super) fn taken_over(self, directory: &Directory) -> Result<ConversationState> {
        let (owner, hops) = directory.owner(self.bucket)?;
        let mut state = self.state;
        if hops > 0 {
            state.assignee = owner.map(|owner| owner.id.clone());
            state.revision += hops;
        }
        Ok(state)
    }
}

pub(super) fn decode(directory: &Directory, key: &[u8], bytes: &[u8]) -> Result<Filed> {
    let record: ConversationV1<'_> = codec::decode(key, bytes)?;
    let assignee = directory.namesake(record.bucket)?;
    let (inbound, seen) = record.inbound_and_seen()?;
    let state = ConversationState {
        id: keys::parse_conversation(key)?,
        contact_id: record.contact_id()?,
        channel: record.channel()?,
        status: record.status()?,
        assignee: assignee.cloned(),
        created_at: record.created_at()?,
        updated_at: record.updated_at()?,
        revision: record.revision,
        inbound,
        seen,
    };
    Ok(Filed {
        state,
        bucket: record.bucket,
    })
}

pub(super) fn read(
    rows: &impl Read,
    directory: &Directory,
    id: ConversationId,
) -> Result<Option<Filed>> {
    let key = keys::conversation(id);
    match rows.get(tables::CONVERSATIONS, &key)? {
        Some(bytes) => decode(directory, &key, &bytes).map(Some),
        None => Ok(None),
    }
}

/// The state of a conversation as commands meet it.
pub(super) fn read_state(
    rows: &impl Read,
    directory: &Directory,
    id: ConversationId,
) -> Result<Option<ConversationState>> {
    let filed = read(rows, directory, id)?;
    filed.map(|filed| filed.taken_over(directory)).transpose()
}

/// A conversation as it is shown, with the present name of its assignee (R11), by the bucket: its id
/// would have to be compared with those of half a dozen others.
pub(super) fn read_shown(
    rows: &impl Read,
    directory: &Directory,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    let key = keys::conversation(id);
    let Some(bytes) = rows.get(tables::CONVERSATIONS, &key)? else {
        return Ok(None);
    };
    let Filed { state, bucket } = decode(directory, &key, &bytes)?;
    let (owner, hops) = directory.owner(bucket)?;
    let mut shown = state.shown(owner.cloned());
    shown.revision += hops;
    Ok(Some(shown))
}

pub(super) fn greatest(rows: &impl Read) -> Result<Option<ConversationId>> {
    let all = (Bound::Unbounded, Bound::Unbounded);
    let last = rows.range(tables::CONVERSATIONS, all)?.next_back();
    let last = last.transpose()?;
    last.map(|(key, _)| keys::parse_conversation(&key))
        .transpose()
}

/// The conversation of a contact and channel (R1).
pub(super) fn find(
    rows: &impl Read,
    contact: &ContactId,
    channel: Channel,
) -> Result<Option<ConversationId>> {
    let key = keys::thread(channel, contact);
    match rows.get(tables::CATALOG, &key)? {
        Some(bytes) => {
            let thread: ThreadV1 = codec::decode(&key, &bytes)?;
            Ok(Some(ConversationId::from_raw(thread.conversation)))
        }
        None => Ok(None),
    }
}

/// Makes of one state the other: none is there before the first, none is left after the last.
pub(super) fn replace(
    rows: &mut WriteTables<'_>,
    index: &mut Edits,
    directory: &Directory,
    before: Option<&Filed>,
    after: Option<&ConversationState>,
) -> Result<()> {
    if before.map(|before| &before.state) == after {
        return Ok(());
    }
    let old = match before {
        Some(before) => places(before.bucket, &before.state),
        None => Places::default(),
    };
    let (new, payload) = match after {
        Some(after) => {
            let bucket = directory.bucket_of(after.assignee.as_ref())?;
            let payload = row_payload(bucket, after)?;
            let key = keys::conversation(after.id);
            let value = codec::encode(&key, &record(bucket, after))?;
            rows.put(tables::CONVERSATIONS, &key, &value)?;
            (places(bucket, after), payload)
        }
        None => (Places::default(), Vec::new()),
    };
    for (old, new) in old.into_iter().zip(new) {
        move_row(rows, index, old, new, &payload)?;
    }
    match (before, after) {
        (None, Some(after)) => {
            let (key, thread) = thread(after);
            rows.put(tables::CATALOG, &key, &codec::encode(&key, &thread)?)?;
        }
        (Some(Filed { state: before, .. }), None) => {
            rows.remove(tables::CONVERSATIONS, &keys::conversation(before.id))?;
            rows.remove(tables::CATALOG, &thread(before).0)?;
        }
        _ => {}
    }
    Ok(())
}

/// Takes a row from one place to another, or writes it anew where it stays.
fn move_row(
    rows: &mut WriteTables<'_>,
    index: &mut Edits,
    old: Option<(Stream, Position)>,
    new: Option<(Stream, Position)>,
    payload: &[u8],
) -> Result<()> {
    let framed = |(stream, position): (Stream, Position)| {
        let key = stream.key(&position);
        (key, codec::frame::<RowV1<'_>>(&key, payload))
    };
    if let Some(place) = new
        && old == new
    {
        let (key, value) = framed(place);
        return rows.put(plan::STREAMS.table, &key, &value);
    }
    if let Some((stream, position)) = old {
        index.remove(rows, &stream, &position)?;
    }
    if let Some(place) = new {
        let (_, value) = framed(place);
        index.insert(rows, &place.0, &place.1, &value)?;
    }
    Ok(())
}

/// Index rows of many conversations, gathered by stream.
#[derive(Default)]
pub(super) struct IndexRows {
    /// Their values, behind one another.
    values: Vec<u8>,
    streams: BTreeMap<Stream, Vec<(Position, Range<usize>)>>,
    rows: usize,
}

impl IndexRows {
    fn put(&mut self, stream: Stream, position: Position, payload: &[u8]) {
        let start = self.values.len();
        codec::frame_onto::<RowV1<'_>>(&mut self.values, &stream.key(&position), payload);
        let value = start..self.values.len();
        let rows = self.streams.entry(stream).or_default();
        rows.push((position, value));
        self.rows += 1;
    }

    /// How many it takes.
    pub(super) fn bytes(&self) -> usize {
        self.values.len() + self.rows * size_of::<(Position, Range<usize>)>()
    }

    /// Writes them stream by stream, in the order of their positions.
    pub(super) fn write(&mut self, rows: &mut WriteTables<'_>, index: &mut Edits) -> Result<()> {
        let Self {
            values, streams, ..
        } = std::mem::take(self);
        for (stream, mut new) in streams {
            new.sort_unstable_by_key(|(position, _)| *position);
            let new = new.into_iter();
            let framed = new.map(|(position, value)| {
                let value = values.get(value).unwrap_or_default();
                (position, value)
            });
            index.insert_many(rows, &stream, &framed.collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

/// Gathers what a new conversation consists of, for a load in key order.
pub(super) fn stage(
    batch: &mut Batch,
    index: &mut IndexRows,
    directory: &Directory,
    state: &ConversationState,
) -> Result<()> {
    let bucket = directory.bucket_of(state.assignee.as_ref())?;
    stage_record(batch, bucket, state)?;
    stage_derived(batch, index, bucket, state)
}

pub(super) fn stage_record(
    batch: &mut Batch,
    bucket: u32,
    state: &ConversationState,
) -> Result<()> {
    batch.put(&keys::conversation(state.id), &record(bucket, state))
}

/// Gathers what follows from a conversation's record: its thread and its index entries.
pub(super) fn stage_derived(
    batch: &mut Batch,
    index: &mut IndexRows,
    bucket: u32,
    state: &ConversationState,
) -> Result<()> {
    let (key, thread) = thread(state);
    batch.put(&key, &thread)?;
    let payload = row_payload(bucket, state)?;
    for (stream, position) in places(bucket, state).into_iter().flatten() {
        index.put(stream, position, &payload);
    }
    Ok(())
}
