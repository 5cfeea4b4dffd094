//! What happens to a file.

use convodb::ErrorKind;

use super::bases::{Base, Bases};
use super::{Control, Plan, random};
use crate::harness::random::Random;

const PAGE: usize = 4_096;
const SECTOR: usize = 512;
/// Where the superblock has how many blocks the log takes.
const WAL_BLOCKS: std::ops::Range<usize> = 44..48;

/// Where the first group begins: two blocks of checksums, and the page with the engine's header.
fn first_group(bytes: &[u8]) -> usize {
    let blocks = bytes[WAL_BLOCKS].try_into().unwrap();
    (2 + u32::from_le_bytes(blocks) as usize) * PAGE
}

/// What is done, and to which file; where, follows from the seed.
#[derive(Clone, Debug)]
pub(super) struct Blow {
    kind: Kind,
    base: Base,
    random: Random,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    FlipBit,
    FlipBits,
    FlipHeaderBit,
    ZeroPage,
    ZeroSector,
    NoisePage,
    SwapPages,
    /// A page that was written to the place of another.
    MisdirectPage,
    /// A write that was lost: the page is as it was some commits before.
    StalePage,
    StaleSector,
    /// The same of checksums or of the engine's header.
    StaleHead,
    Cut,
    CutAtPage,
    Extend,
    Foreign(Foreign),
    /// A row is missing under intact checksums.
    WithoutARow,
}

/// A file that is no store, or none of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Foreign {
    Empty,
    Text,
    Zeros,
    Noise,
    Sqlite,
    /// What comes before the pages, and nothing behind it.
    Head,
    /// Another database of the engine.
    Database,
    Newer,
}

const KINDS: [Kind; 14] = [
    Kind::FlipBit,
    Kind::FlipBits,
    Kind::FlipHeaderBit,
    Kind::ZeroPage,
    Kind::ZeroSector,
    Kind::NoisePage,
    Kind::SwapPages,
    Kind::MisdirectPage,
    Kind::StalePage,
    Kind::StaleSector,
    Kind::StaleHead,
    Kind::Cut,
    Kind::CutAtPage,
    Kind::Extend,
];

const FOREIGN: [Foreign; 8] = [
    Foreign::Empty,
    Foreign::Text,
    Foreign::Zeros,
    Foreign::Noise,
    Foreign::Sqlite,
    Foreign::Head,
    Foreign::Database,
    Foreign::Newer,
];

/// One file in so many is foreign.
const FOREIGN_IN: u64 = 16;

impl Blow {
    /// That of a run's n-th file. The kinds take turns, so a short run has them all.
    pub(super) fn of(plan: &Plan, number: u64) -> Self {
        let mut random = random(plan, number);
        let turn = (number / FOREIGN_IN) as usize;
        let kind = if plan.control == Control::Unchecked {
            Kind::WithoutARow
        } else if number % FOREIGN_IN == FOREIGN_IN - 1 {
            Kind::Foreign(FOREIGN[turn % FOREIGN.len()])
        } else {
            KINDS[(number - number / FOREIGN_IN) as usize % KINDS.len()]
        };
        let base = match kind {
            Kind::StalePage | Kind::StaleSector | Kind::StaleHead => Base::Crashed,
            Kind::WithoutARow => Base::Packed,
            _ => Base::ALL[random.index(Base::ALL.len())],
        };
        Self { kind, base, random }
    }

    pub(super) fn base(&self) -> Base {
        self.base
    }

    /// How the file must be refused, where it must.
    pub(super) fn refusal(&self) -> Option<ErrorKind> {
        match self.kind {
            Kind::Foreign(Foreign::Newer) => Some(ErrorKind::UnsupportedVersion),
            Kind::Foreign(Foreign::Head) => Some(ErrorKind::Corrupted),
            Kind::Foreign(_) => Some(ErrorKind::NotADatabase),
            _ => None,
        }
    }

    /// The file afterwards.
    pub(super) fn strike(&self, bases: &Bases) -> Vec<u8> {
        let mut random = self.random.clone();
        let mut bytes = bases.bytes(self.base).to_vec();
        match self.kind {
            Kind::FlipBit => flip(&mut bytes, &mut random, 1),
            Kind::FlipBits => {
                let count = 2 + random.below(15);
                flip(&mut bytes, &mut random, count);
            }
            Kind::FlipHeaderBit => {
                let group = first_group(&bytes);
                let header = group + 2 * PAGE;
                let parts = [0, PAGE, group, group + PAGE, header, header + PAGE / 2];
                let place = parts[random.index(parts.len())];
                flip(&mut bytes[place..place + SECTOR], &mut random, 1);
            }
            Kind::StaleHead => {
                let start = first_group(&bytes) + random.index(3) * PAGE;
                let page = start..start + PAGE;
                bytes[page.clone()].copy_from_slice(&bases.earlier[page]);
            }
            Kind::ZeroPage => used(&mut bytes, &mut random, PAGE).fill(0),
            Kind::ZeroSector => used(&mut bytes, &mut random, SECTOR).fill(0),
            Kind::NoisePage => noise(used(&mut bytes, &mut random, PAGE), &mut random),
            Kind::SwapPages => {
                let [one, other] = [place(&bytes, &mut random), place(&bytes, &mut random)];
                let taken = bytes[one..one + PAGE].to_vec();
                bytes.copy_within(other..other + PAGE, one);
                bytes[other..other + PAGE].copy_from_slice(&taken);
            }
            Kind::MisdirectPage => {
                let [from, to] = [place(&bytes, &mut random), place(&bytes, &mut random)];
                bytes.copy_within(from..from + PAGE, to);
            }
            Kind::StalePage => stale(&mut bytes, &bases.earlier, &mut random, PAGE),
            Kind::StaleSector => stale(&mut bytes, &bases.earlier, &mut random, SECTOR),
            Kind::Cut => bytes.truncate(random.index(bytes.len())),
            Kind::CutAtPage => bytes.truncate(random.index(bytes.len() / PAGE) * PAGE),
            Kind::Extend => {
                let len = bytes.len();
                bytes.resize(len + 1 + random.index(4 * PAGE), 0);
                noise(&mut bytes[len..], &mut random);
            }
            Kind::Foreign(foreign) => return foreign.bytes(bases, self.base, &mut random),
            Kind::WithoutARow => return bases.without_a_row.clone(),
        }
        bytes
    }
}

impl Foreign {
    fn bytes(self, bases: &Bases, base: Base, random: &mut Random) -> Vec<u8> {
        let len = 1 + random.index(16 * PAGE);
        match self {
            Self::Empty => Vec::new(),
            Self::Text => "Dear diary, ".bytes().cycle().take(len).collect(),
            Self::Zeros => vec![0; len],
            Self::Noise => {
                let mut bytes = vec![0; len];
                noise(&mut bytes, random);
                bytes
            }
            Self::Sqlite => {
                let mut bytes = bases.bytes(base).to_vec();
                let header = b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20";
                // Over both copies of the superblock.
                bytes[..2 * PAGE].fill(0);
                bytes[..header.len()].copy_from_slice(header);
                bytes
            }
            Self::Head => {
                let bytes = bases.bytes(base);
                bytes[..first_group(bytes) + 3 * PAGE].to_vec()
            }
            Self::Database => bases.foreign.clone(),
            Self::Newer => bases.newer.clone(),
        }
    }
}

fn flip(bytes: &mut [u8], random: &mut Random, count: u64) {
    for _ in 0..count {
        let bit = random.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

fn noise(bytes: &mut [u8], random: &mut Random) {
    bytes.fill_with(|| random.word() as u8);
}

/// The place of a page in which something is written, if a few tries find one.
fn place(bytes: &[u8], random: &mut Random) -> usize {
    place_of(bytes, random, PAGE)
}

fn place_of(bytes: &[u8], random: &mut Random, len: usize) -> usize {
    let mut place = 0;
    for _ in 0..8 {
        place = random.index(bytes.len() / len) * len;
        if bytes[place..place + len].iter().any(|byte| *byte != 0) {
            break;
        }
    }
    place
}

fn used<'a>(bytes: &'a mut [u8], random: &mut Random, len: usize) -> &'a mut [u8] {
    let place = place_of(bytes, random, len);
    &mut bytes[place..place + len]
}

/// Puts a part that has changed since back to what it was, if a few tries find one.
fn stale(bytes: &mut [u8], earlier: &[u8], random: &mut Random, len: usize) {
    for _ in 0..64 {
        let place = random.index(earlier.len().min(bytes.len()) / len) * len;
        let (now, before) = (&mut bytes[place..place + len], &earlier[place..place + len]);
        if now != before {
            now.copy_from_slice(before);
            return;
        }
    }
}
