//! The journal: what was acknowledged and is not yet durable in the file.
//!
//! A file of its own beside the store's, of which the file durably says whether it counts: its
//! *lineage*, and its *generation*. A group of commands is one record; once it is synced, it is done.
//! Opening applies the records that the file lacks.
//!
//! A checkpoint begins another generation, and takes its time: so at most two count at once, the one
//! that the file names and the one behind it. They lie in *chunks* that take turns, so that each
//! grows as it needs, and the next one takes the place of the one before the last.
//!
//! Invariant: a generation is written over only once a commit has made all of it durable elsewhere.

mod payload;

use std::io;

use convodb_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::kv::{DiskFile, Place};

pub(crate) use payload::Payload;
pub(super) use payload::replay;

const SUFFIX: &str = "-journal";
const MAGIC: &[u8; 16] = b"convodb journal\n";
const VERSION: u32 = 1;
/// Magic, version, lineage, and the checksum of these.
const HEADER_BYTES: usize = 16 + 4 + 16 + 4;
/// The header has a block of its own, which is never written again.
const FIRST: u64 = 4096;
/// Begins a record, so that one can be looked for behind damage.
const MARK: u32 = 0x6C72_6E6A;
/// Mark, length, generation, sequence, the sequence synced, the checksum before, and its own.
const FRAME_BYTES: usize = 4 + 4 + 8 + 8 + 8 + 4 + 4;
const CHECKSUM_AT: usize = FRAME_BYTES - 4;
/// Zeros that are there already spare a sync the change of the file's size and blocks: so many are
/// there for each of two generations at the least.
const CHUNK: u64 = 64 << 10;
/// A record is not larger: what has more is committed to the file itself.
pub(super) const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// Random bytes that tell a store's journal from every other.
pub(super) type Lineage = [u8; 16];

/// What the file says of its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Epoch {
    pub(super) lineage: Lineage,
    pub(super) generation: u64,
    /// The commit that began the generation: the first record is the next one.
    pub(super) since: u64,
    /// Whether the journal counts. A clean close leaves none that does.
    pub(super) open: bool,
}

/// A journal that is written.
#[derive(Debug)]
pub(super) struct Journal {
    file: Box<dyn DiskFile>,
    place: Place,
    epoch: Epoch,
    /// How many bytes each turn has, of zeros and records.
    capacities: [u64; 2],
    end: u64,
    /// The checksum of the last record.
    chain: u32,
    written: u64,
    synced: u64,
    buffer: Vec<u8>,
}

/// Which chunks a generation lies in.
fn turn(generation: u64) -> usize {
    usize::from(generation.is_multiple_of(2))
}

/// Where the bytes of a generation lie in the file, in pieces of at most a chunk.
fn pieces(turn: usize, from: u64, to: u64) -> impl Iterator<Item = (u64, usize)> {
    let mut at = from;
    std::iter::from_fn(move || {
        let len = (CHUNK - at % CHUNK).min(to.checked_sub(at)?);
        let place = FIRST + (at / CHUNK * 2 + turn as u64) * CHUNK + at % CHUNK;
        at += len;
        (len > 0).then_some((place, usize::try_from(len).ok()?))
    })
}

impl Journal {
    /// Makes a new one, durably, in the place of none or of one that does not count. It counts once
    /// the file says so.
    pub(super) fn create(store: &Place, epoch: Epoch) -> Result<Self> {
        let place = store.beside(SUFFIX);
        let file = place.create()?;
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&epoch.lineage);
        header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
        let made = fill(&*file, 0, FIRST + 2 * CHUNK)
            .and_then(|()| file.write_all_at(&header, 0))
            .and_then(|()| file.sync_data())
            .map_err(|error| failed("cannot be made", error))
            .and_then(|()| place.sync_directory());
        if let Err(error) = made {
            // Whatever is left of it does not count, and the next opening removes it.
            let _ = place.remove();
            return Err(error);
        }
        Ok(Self {
            file,
            place,
            epoch,
            capacities: [CHUNK; 2],
            end: 0,
            chain: seed(&epoch),
            written: epoch.since,
            synced: epoch.since,
            buffer: Vec::new(),
        })
    }

    /// Makes room for a record. An error leaves all as it was.
    pub(super) fn reserve(&mut self, payload: usize) -> Result<()> {
        let end = self.end + (FRAME_BYTES + payload) as u64;
        let turn = turn(self.epoch.generation);
        let [first, second] = &mut self.capacities;
        let capacity = if turn == 0 { first } else { second };
        if end <= *capacity {
            return Ok(());
        }
        let wanted = end.max(2 * *capacity).next_multiple_of(CHUNK);
        pieces(turn, *capacity, wanted)
            .try_for_each(|(place, len)| fill(&*self.file, place, place + len as u64))
            .and_then(|()| self.file.sync_data())
            .map_err(|error| failed("cannot grow", error))?;
        *capacity = wanted;
        Ok(())
    }

    /// Writes the changes of the commit of this sequence, for which room was made. After an error
    /// they may be there or not.
    pub(super) fn append(&mut self, sequence: u64, payload: &[u8]) -> Result<()> {
        let buffer = &mut self.buffer;
        buffer.clear();
        let len = u32::try_from(payload.len())
            .map_err(|_| Error::new(ErrorKind::Io, "a record of the journal is too large"))?;
        buffer.extend_from_slice(&MARK.to_le_bytes());
        buffer.extend_from_slice(&len.to_le_bytes());
        buffer.extend_from_slice(&self.epoch.generation.to_le_bytes());
        buffer.extend_from_slice(&sequence.to_le_bytes());
        buffer.extend_from_slice(&self.synced.to_le_bytes());
        buffer.extend_from_slice(&self.chain.to_le_bytes());
        let checksum = checksum(&self.epoch.lineage, buffer, payload);
        buffer.extend_from_slice(&checksum.to_le_bytes());
        buffer.extend_from_slice(payload);
        let (end, mut rest) = (self.end + buffer.len() as u64, &buffer[..]);
        for (place, len) in pieces(turn(self.epoch.generation), self.end, end) {
            let (piece, behind) = rest.split_at_checked(len).unwrap_or_default();
            self.file
                .write_all_at(piece, place)
                .map_err(|error| failed("cannot be written", error))?;
            rest = behind;
        }
        self.end = end;
        self.chain = checksum;
        self.written = sequence;
        Ok(())
    }

    /// Makes durable what was appended. After an error it may be so or not.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.file
            .sync_data()
            .map_err(|error| failed("cannot be synced", error))?;
        self.synced = self.written;
        Ok(())
    }

    /// What the file must say for the records so far to count no longer.
    pub(super) fn next_epoch(&self, since: u64) -> Epoch {
        Epoch {
            generation: self.epoch.generation + 1,
            since,
            ..self.epoch
        }
    }

    /// Begins another generation while the one before counts, until the file durably says that it does
    /// not. The one before that counts no longer.
    pub(super) fn rotate(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.end = 0;
        self.chain = seed(&epoch);
    }

    /// Begins anew, once the file durably says so.
    pub(super) fn begin(&mut self, epoch: Epoch) {
        self.rotate(epoch);
        self.written = epoch.since;
        self.synced = epoch.since;
    }

    /// Overwrites everything that was ever written to it, durably.
    pub(super) fn erase(&mut self) -> Result<()> {
        self.capacities
            .iter()
            .enumerate()
            .flat_map(|(turn, capacity)| pieces(turn, 0, *capacity))
            .try_for_each(|(place, len)| fill(&*self.file, place, place + len as u64))
            .and_then(|()| self.file.sync_data())
            .map_err(|error| failed("cannot be erased", error))
    }

    /// The bytes of this generation's records.
    pub(super) fn len(&self) -> u64 {
        self.end
    }

    /// The commit of the last record.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn is_synced(&self) -> bool {
        self.synced == self.written
    }

    /// Takes the file away, durably, once the file durably says that it does not count.
    pub(super) fn remove(self) -> Result<()> {
        self.place.remove()
    }
}

/// What lies in a journal.
#[derive(Debug)]
pub(super) struct Records {
    generations: [Vec<u8>; 2],
    places: Vec<Record>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    sequence: u64,
    turn: usize,
    start: usize,
    end: usize,
}

impl Records {
    /// Each with its sequence, in order, without a gap.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.places.iter().map(|record| {
            let generation = self.generations.get(record.turn);
            let payload = generation.and_then(|bytes| bytes.get(record.start..record.end));
            (record.sequence, payload.unwrap_or_default())
        })
    }
}

/// The records that count beside a file which says so.
///
/// A record that is not whole ends them, as a crash in the midst of writing it leaves one; unless a
/// later one says that it had been whole.
pub(super) fn read(store: &Place, epoch: &Epoch) -> Result<Records> {
    let place = store.beside(SUFFIX);
    let Some(file) = place.open()? else {
        return Err(wrong(&place, "is missing"));
    };
    let bytes = contents(&*file)?;
    match lineage(&bytes) {
        Header::Of(lineage) if lineage == epoch.lineage => {}
        Header::Of(_) => return Err(wrong(&place, "is of another store")),
        Header::Newer(version) => return Err(newer(version)),
        Header::None => return Err(Error::corrupted("the journal's header is damaged")),
    }
    let generations = parted(&bytes);
    let next = epoch.generation + 1;
    let mut places = Vec::new();
    for generation in [epoch.generation, next] {
        scan(&generations, epoch, generation, &mut places);
    }
    let last = places.last().map_or(epoch.since, |record| record.sequence);
    let counts = |frame: &Frame| [epoch.generation, next].contains(&frame.generation);
    let lost = generations
        .iter()
        .flat_map(|bytes| frames(bytes, &epoch.lineage))
        .any(|later| counts(&later) && later.synced > last);
    if lost {
        return Err(Error::corrupted(format!(
            "the journal's record of commit {} is damaged",
            last + 1
        )));
    }
    Ok(Records {
        generations,
        places,
    })
}

/// Removes a journal beside a file which says that none counts. One of another store, with records
/// that may count there, stays, and is an error.
pub(super) fn clear(store: &Place, known: Option<&Epoch>) -> Result<()> {
    let place = store.beside(SUFFIX);
    let Some(file) = place.open()? else {
        return Ok(());
    };
    let bytes = contents(&*file)?;
    match lineage(&bytes) {
        Header::Of(lineage) => {
            let own = known.is_some_and(|epoch| epoch.lineage == lineage);
            let mut generations = parted(&bytes).into_iter();
            let holds_any = |bytes: Vec<u8>| frames(&bytes, &lineage).next().is_some();
            if !own && generations.any(holds_any) {
                return Err(wrong(&place, "is of another store"));
            }
        }
        Header::Newer(version) => return Err(newer(version)),
        // A crash while it was made.
        Header::None if bytes.iter().all(|byte| *byte == 0) || bytes.len() <= first() => {}
        Header::None => return Err(wrong(&place, "is none")),
    }
    drop(file);
    place.remove()
}

/// Whether there is one, of whatever store.
pub(super) fn lies_beside(store: &Place) -> Result<bool> {
    Ok(store.beside(SUFFIX).open()?.is_some())
}

enum Header {
    None,
    Newer(u32),
    Of(Lineage),
}

fn lineage(bytes: &[u8]) -> Header {
    let Some((header, rest)) = bytes.split_at_checked(HEADER_BYTES - 4) else {
        return Header::None;
    };
    let Some((magic, numbers)) = header.split_first_chunk::<16>() else {
        return Header::None;
    };
    let Some((version, lineage)) = numbers.split_first_chunk() else {
        return Header::None;
    };
    let version = u32::from_le_bytes(*version);
    if magic != MAGIC || version == 0 {
        return Header::None;
    }
    if version > VERSION {
        return Header::Newer(version);
    }
    match (lineage.first_chunk(), rest.first_chunk()) {
        (Some(lineage), Some(crc)) if *crc == crc32fast::hash(header).to_le_bytes() => {
            Header::Of(*lineage)
        }
        _ => Header::None,
    }
}

/// A record that is whole, by itself.
struct Frame {
    generation: u64,
    sequence: u64,
    synced: u64,
    before: u32,
    checksum: u32,
    start: usize,
    end: usize,
}

fn frame(bytes: &[u8], at: usize, lineage: &Lineage) -> Option<Frame> {
    let rest = bytes.get(at..)?;
    let u32_at = |at: usize| Some(u32::from_le_bytes(*rest.get(at..)?.first_chunk()?));
    let u64_at = |at: usize| Some(u64::from_le_bytes(*rest.get(at..)?.first_chunk()?));
    if u32_at(0)? != MARK {
        return None;
    }
    let len = usize::try_from(u32_at(4)?).ok()?;
    let payload = rest.get(FRAME_BYTES..FRAME_BYTES.checked_add(len)?)?;
    let own = u32_at(CHECKSUM_AT)?;
    if checksum(lineage, rest.get(..CHECKSUM_AT)?, payload) != own {
        return None;
    }
    Some(Frame {
        generation: u64_at(8)?,
        sequence: u64_at(16)?,
        synced: u64_at(24)?,
        before: u32_at(32)?,
        checksum: own,
        start: at + FRAME_BYTES,
        end: at + FRAME_BYTES + len,
    })
}

/// Those that are whole, wherever they begin.
fn frames<'a>(bytes: &'a [u8], lineage: &'a Lineage) -> impl Iterator<Item = Frame> + 'a {
    (0..bytes.len()).filter_map(|at| frame(bytes, at, lineage))
}

/// The bytes of the generations of each turn.
fn parted(bytes: &[u8]) -> [Vec<u8>; 2] {
    let records = bytes.get(first()..).unwrap_or_default();
    let chunk = usize::try_from(CHUNK).unwrap_or(usize::MAX);
    [0, 1].map(|turn| {
        let chunks = records.chunks(chunk).skip(turn).step_by(2);
        chunks.flatten().copied().collect()
    })
}

/// The records of a generation that follow from one another, and from those that are known.
fn scan(generations: &[Vec<u8>; 2], epoch: &Epoch, generation: u64, known: &mut Vec<Record>) {
    let turn = turn(generation);
    let bytes = generations.get(turn).map_or(&[][..], |bytes| bytes);
    let mut chain = seed(&Epoch {
        generation,
        ..*epoch
    });
    let mut last = known.last().map_or(epoch.since, |record| record.sequence);
    let mut at = 0;
    while let Some(frame) = frame(bytes, at, &epoch.lineage) {
        let follows =
            frame.generation == generation && frame.before == chain && frame.sequence == last + 1;
        if !follows {
            break;
        }
        known.push(Record {
            sequence: frame.sequence,
            turn,
            start: frame.start,
            end: frame.end,
        });
        at = frame.end;
        chain = frame.checksum;
        last = frame.sequence;
    }
}

fn seed(epoch: &Epoch) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&epoch.lineage);
    hasher.update(&epoch.generation.to_le_bytes());
    hasher.finalize()
}

fn checksum(lineage: &Lineage, frame: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(lineage);
    hasher.update(frame);
    hasher.update(payload);
    hasher.finalize()
}

fn first() -> usize {
    usize::try_from(FIRST).unwrap_or(usize::MAX)
}

fn contents(file: &dyn DiskFile) -> Result<Vec<u8>> {
    let read = || {
        let len = usize::try_from(file.metadata()?.len).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    };
    read().map_err(|error| failed("cannot be read", error))
}

/// Zeros.
fn fill(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    const ZEROS: &[u8] = &[0; 16 << 10];
    let mut at = from;
    while at < to {
        let len = usize::try_from(to - at).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
        file.write_all_at(ZEROS.get(..len).unwrap_or(ZEROS), at)?;
        at += len as u64;
    }
    Ok(())
}

fn failed(what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("the journal {what}: {error}")).with_source(error)
}

fn wrong(place: &Place, what: &str) -> Error {
    Error::new(
        ErrorKind::WrongJournal,
        format!("the journal `{}` {what}", place.path().display()),
    )
}

fn newer(version: u32) -> Error {
    Error::new(
        ErrorKind::UnsupportedVersion,
        format!("the journal has version {version}; this library reads up to {VERSION}"),
    )
}
