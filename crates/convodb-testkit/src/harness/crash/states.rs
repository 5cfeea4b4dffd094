//! What a disk may hold when the power is cut, at each position of a history.

use std::fmt;

use super::record::History;
use crate::harness::disk::{Event, Image};
use crate::harness::random::Random;

/// A write is torn between these, and nowhere else.
const SECTOR: usize = 512;

/// A file system keeps the length of a file that grew in whole blocks: a part of a torn write beyond the
/// old length has zeros behind it, to the end of its block. The store sets a length before it writes
/// there, so no length in between was ever its own.
const BLOCK: usize = 4_096;

fn write_part(image: &mut Image, file: usize, offset: u64, part: &[u8]) {
    let before = image.files.get(file).map_or(0, |contents| contents.len());
    image.write(file, offset, part);
    let len = image.files[file].len();
    if len > before {
        let zeros = vec![0; len.next_multiple_of(BLOCK) - len];
        image.write(file, len as u64, &zeros);
    }
}

/// So many of each kind between two syncs, where there are more.
const MOST: usize = 8;

/// What became of the events that no sync had made durable yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survivors {
    /// All that came so far.
    All,
    None,
    AllBut(usize),
    Only(usize),
    /// All, but of one write only the sectors before, or from, this one.
    Torn {
        event: usize,
        sector: usize,
        front: bool,
    },
    /// All before one write, and a part of it.
    TornLast {
        event: usize,
        sector: usize,
    },
    /// Some, of which some in part.
    Some {
        draw: usize,
    },
}

/// A state, and how it came about.
#[derive(Clone, Debug)]
pub struct Crash {
    /// After so many events.
    pub at: usize,
    pub survivors: Survivors,
    pub image: Image,
}

impl Crash {
    /// A disk without writers.
    pub fn at_rest(image: Image) -> Self {
        Self {
            at: 0,
            survivors: Survivors::All,
            image,
        }
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cut at {}, surviving: {:?}", self.at, self.survivors)
    }
}

/// Every state of a history from a position on.
pub(crate) fn each(
    history: &History,
    from: usize,
    random: &mut Random,
    visit: &mut dyn FnMut(Crash),
) {
    let mut walk = Walk {
        trace: &history.trace,
        durable: history.base.clone(),
        pending: Vec::new(),
        begun: 0,
    };
    for (at, event) in history.trace.iter().enumerate() {
        if is_sync(event) && at >= from {
            walk.visit_interval(at, from, random, visit);
        }
        walk.step(at, event);
    }
    walk.visit_interval(history.trace.len(), from, random, visit);
}

/// The state from which a process goes on that was killed at a position, and not the machine:
/// what is durable, and what the system still holds.
pub(crate) fn killed(history: &History, at: usize) -> (Image, Vec<Event>) {
    let mut walk = Walk {
        trace: &history.trace,
        durable: history.base.clone(),
        pending: Vec::new(),
        begun: 0,
    };
    for (place, event) in history.trace.iter().enumerate().take(at) {
        walk.step(place, event);
    }
    let held = walk.pending.iter().map(|place| walk.trace[*place].clone());
    (walk.durable.clone(), held.collect())
}

fn is_sync(event: &Event) -> bool {
    matches!(
        event,
        Event::Sync { .. } | Event::Forget { .. } | Event::SyncNames
    )
}

/// The file whose sync makes an event durable; names have none.
fn file_of(event: &Event) -> Option<usize> {
    match event {
        Event::Write { file, .. } | Event::SetLen { file, .. } => Some(*file),
        _ => None,
    }
}

struct Walk<'a> {
    trace: &'a [Event],
    durable: Image,
    /// What is not durable yet, by position.
    pending: Vec<usize>,
    /// Where the interval between two syncs began.
    begun: usize,
}

impl Walk<'_> {
    fn step(&mut self, at: usize, event: &Event) {
        match event {
            Event::Sync { file } => self.sync(Some(*file)),
            Event::Forget { file } => self.forget(*file),
            Event::SyncNames => self.sync(None),
            _ => self.pending.push(at),
        }
        if is_sync(event) {
            self.begun = at + 1;
        }
    }

    /// What is pending of a file, or of names, becomes durable.
    fn sync(&mut self, file: Option<usize>) {
        let (durable, trace) = (&mut self.durable, self.trace);
        self.pending.retain(|place| {
            let event = &trace[*place];
            let is_synced = file_of(event) == file;
            if is_synced {
                durable.apply(event);
            }
            !is_synced
        });
    }

    /// What is pending of a file's pages never becomes durable; its length is no page, and may.
    fn forget(&mut self, of: usize) {
        let trace = self.trace;
        let is_page = |event: &Event| matches!(event, Event::Write { file, .. } if *file == of);
        self.pending.retain(|place| !is_page(&trace[*place]));
    }

    fn image(&self, survivors: impl Iterator<Item = usize>) -> Image {
        let mut image = self.durable.clone();
        for place in survivors {
            image.apply(&self.trace[place]);
        }
        image
    }

    fn visit_interval(
        &self,
        end: usize,
        from: usize,
        random: &mut Random,
        visit: &mut dyn FnMut(Crash),
    ) {
        self.visit_prefixes(end, from, visit);
        let mut emit = |survivors, image| {
            visit(Crash {
                at: end,
                survivors,
                image,
            });
        };
        let pending = &self.pending;
        emit(Survivors::None, self.durable.clone());
        for event in sample(pending.len(), random).map(|place| pending[place]) {
            let others = pending.iter().copied().filter(|place| *place != event);
            emit(Survivors::AllBut(event), self.image(others));
        }
        for event in sample(pending.len(), random).map(|place| pending[place]) {
            let image = self.image(std::iter::once(event));
            emit(Survivors::Only(event), image);
        }
        for event in sample(pending.len(), random).map(|place| pending[place]) {
            self.visit_torn(event, random, &mut emit);
        }
        for draw in 0..MOST.min(2 * pending.len()) {
            let image = self.random_image(random);
            emit(Survivors::Some { draw }, image);
        }
    }

    /// After each event since the last sync, with all that was held before it.
    fn visit_prefixes(&self, end: usize, from: usize, visit: &mut dyn FnMut(Crash)) {
        let held = self
            .pending
            .iter()
            .copied()
            .filter(|place| *place < self.begun);
        let mut image = self.image(held);
        for at in self.begun..=end {
            if at > self.begun {
                image.apply(&self.trace[at - 1]);
            }
            if at >= from {
                visit(Crash {
                    at,
                    survivors: Survivors::All,
                    image: image.clone(),
                });
            }
        }
    }

    fn visit_torn(
        &self,
        event: usize,
        random: &mut Random,
        emit: &mut dyn FnMut(Survivors, Image),
    ) {
        let Event::Write {
            file,
            offset,
            bytes,
        } = &self.trace[event]
        else {
            return;
        };
        let sectors = bytes.len().div_ceil(SECTOR);
        if sectors < 2 {
            return;
        }
        let sector = 1 + random.index(sectors - 1);
        let cut = sector * SECTOR;
        for front in [true, false] {
            let others = self.pending.iter().copied().filter(|place| *place != event);
            let mut image = self.image(others);
            if front {
                write_part(&mut image, *file, *offset, &bytes[..cut]);
            } else {
                write_part(&mut image, *file, *offset + cut as u64, &bytes[cut..]);
            }
            let survivors = Survivors::Torn {
                event,
                sector,
                front,
            };
            emit(survivors, image);
        }
        let before = self
            .pending
            .iter()
            .copied()
            .take_while(|place| *place < event);
        let mut image = self.image(before);
        write_part(&mut image, *file, *offset, &bytes[..cut]);
        emit(Survivors::TornLast { event, sector }, image);
    }

    /// Each event survives by the toss of a coin, and one write in four sector by sector.
    fn random_image(&self, random: &mut Random) -> Image {
        let mut image = self.durable.clone();
        for place in &self.pending {
            let event = &self.trace[*place];
            match (random.below(8), event) {
                (0..3, _) => image.apply(event),
                (
                    3..5,
                    Event::Write {
                        file,
                        offset,
                        bytes,
                    },
                ) => {
                    for (sector, part) in bytes.chunks(SECTOR).enumerate() {
                        if random.below(2) == 0 {
                            write_part(&mut image, *file, *offset + (sector * SECTOR) as u64, part);
                        }
                    }
                }
                (3..5, _) => image.apply(event),
                _ => {}
            }
        }
        image
    }
}

/// All places below, or some where there are many.
fn sample(len: usize, random: &mut Random) -> impl Iterator<Item = usize> + use<> {
    let step = len.div_ceil(MOST).max(1);
    let first = random.index(step);
    (first..len).step_by(step)
}
