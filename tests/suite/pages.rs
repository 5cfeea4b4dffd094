//! The pages beneath redb: what a read returns is what was written last, or an error.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use convodb::ErrorKind;
use convodb::internals::kv::pages_on;
use convodb_testkit::harness::disk::{Event, Image, MemoryDisk};
use convodb_testkit::harness::random::Random;
use redb::StorageBackend;

const PATH: &str = "/pages";
const PAGE: usize = 4096;
/// In blocks, between the superblock and the first group.
const WAL: u32 = 3;
/// Of the first group: two blocks of checksums, and the page of the header.
const GROUP: usize = (2 + WAL as usize) * PAGE;
const HEADER: usize = GROUP + 2 * PAGE;
/// No page.
const NONE: [u64; 0] = [];
/// More than two groups.
const MOST_PAGES: u64 = 1_100;

fn open(disk: &MemoryDisk) -> convodb::Result<impl StorageBackend + use<>> {
    pages_on(disk, Path::new(PATH), WAL)
}

fn disk_of(bytes: Vec<u8>) -> MemoryDisk {
    MemoryDisk::of(Image {
        files: vec![bytes.into()],
        names: BTreeMap::from([(PATH.into(), 0)]),
    })
}

fn header(number: u8) -> [u8; 320] {
    [number; 320]
}

fn read(pages: &impl StorageBackend, page: u64) -> Option<u8> {
    let mut bytes = [0; PAGE];
    match pages.read(page * PAGE as u64, &mut bytes) {
        Ok(()) => {
            assert!(bytes.iter().all(|byte| *byte == bytes[0]), "{page} is torn");
            Some(bytes[0])
        }
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{page}: {error}");
            None
        }
    }
}

fn read_header(pages: &impl StorageBackend) -> Option<u8> {
    let mut bytes = header(0);
    let read = pages.read(0, &mut bytes);
    read.ok().map(|()| bytes[0])
}

/// A page's content is one byte again and again.
#[derive(Default)]
struct Model {
    len: u64,
    durable: BTreeMap<u64, u8>,
    /// What was written since the last sync, the last at the end.
    written: BTreeMap<u64, Vec<u8>>,
    /// The pages that were cut off since.
    cut: BTreeSet<u64>,
    durable_header: u8,
    header: u8,
}

impl Model {
    fn expected(&self, page: u64) -> Option<u8> {
        let written = self.written.get(&page).and_then(|all| all.last());
        let durable = self.durable.get(&page);
        written
            .or(durable.filter(|_| !self.cut.contains(&page)))
            .copied()
    }

    fn sync(&mut self) {
        self.durable = (1..self.len)
            .filter_map(|page| Some((page, self.expected(page)?)))
            .collect();
        self.durable_header = self.header;
        self.written.clear();
        self.cut.clear();
    }

    fn check(&self, pages: &impl StorageBackend) {
        assert_eq!(pages.len().unwrap(), self.len * PAGE as u64);
        for page in 1..self.len {
            assert_eq!(read(pages, page), self.expected(page), "page {page}");
        }
        assert_eq!(read_header(pages), Some(self.header));
    }

    /// What a crash since the last sync can leave, taken as it is from here on.
    fn take_crashed(&mut self, pages: &impl StorageBackend) {
        self.len = pages.len().unwrap() / PAGE as u64;
        let mut found = BTreeMap::new();
        for page in 1..self.len {
            let now = read(pages, page);
            let written = self.written.get(&page);
            let durable = self.durable.get(&page).copied();
            let is_loose = written.is_some() || self.cut.contains(&page);
            assert!(
                now == durable || is_loose,
                "page {page}: {now:?}, not {durable:?}"
            );
            if let Some(now) = now {
                let was_written = written.is_some_and(|all| all.contains(&now));
                assert!(was_written || durable == Some(now), "page {page}: {now}");
                found.insert(page, now);
            }
        }
        let header = read_header(pages).unwrap();
        assert!([self.durable_header, self.header].contains(&header));
        *self = Self {
            len: self.len,
            durable: found,
            durable_header: header,
            header,
            ..Self::default()
        };
    }
}

/// Some of what was done since a sync, and some of it torn between sectors.
fn crash(base: &Image, since: &[Event], random: &mut Random) -> Image {
    let mut image = base.clone();
    for event in since {
        match event {
            Event::Write {
                file,
                offset,
                bytes,
            } => {
                let fate = random.below(3);
                for (number, sector) in bytes.chunks(512).enumerate() {
                    if fate == 0 || fate == 1 && random.below(2) == 0 {
                        image.apply(&Event::Write {
                            file: *file,
                            offset: offset + number as u64 * 512,
                            bytes: sector.into(),
                        });
                    }
                }
            }
            Event::Sync { .. } => {}
            other if random.below(2) == 0 => image.apply(other),
            _ => {}
        }
    }
    image
}

#[test]
fn pages_are_as_written_last_or_an_error_after_any_crash() {
    for seed in 0..40 {
        let random = &mut Random::new(seed);
        let mut disk = MemoryDisk::recording(&Image::default(), &[]);
        let mut pages = open(&disk).unwrap();
        let mut model = Model {
            len: 2 + random.below(MOST_PAGES),
            header: 1,
            ..Model::default()
        };
        pages.set_len(model.len * PAGE as u64).unwrap();
        pages.write(0, &header(1)).unwrap();
        pages.sync_data().unwrap();
        model.sync();
        let mut synced = (disk.image(), disk.position());
        for _ in 0..30 {
            match random.below(16) {
                0 => {
                    let len = 2 + random.below(MOST_PAGES);
                    pages.set_len(len * PAGE as u64).unwrap();
                    model.written.retain(|page, _| *page < len);
                    model.cut.extend(len..model.len);
                    model.len = len;
                }
                1..9 => {
                    let page = 1 + random.below(model.len - 1);
                    let count = 1 + random.below(600).min(model.len - page - 1);
                    let fill = 1 + random.below(255) as u8;
                    let bytes = vec![fill; count as usize * PAGE];
                    pages.write(page * PAGE as u64, &bytes).unwrap();
                    for page in page..page + count {
                        model.written.entry(page).or_default().push(fill);
                    }
                    let mut again = vec![0; bytes.len()];
                    pages.read(page * PAGE as u64, &mut again).unwrap();
                    assert!(again == bytes, "pages {page} and {count} more");
                }
                9..11 => {
                    model.header = 1 + random.below(255) as u8;
                    pages.write(0, &header(model.header)).unwrap();
                }
                11..14 => {
                    pages.sync_data().unwrap();
                    model.sync();
                    synced = (disk.image(), disk.position());
                }
                _ => {
                    // In the midst of a sync, or before one.
                    if random.below(2) == 0 {
                        pages.sync_data().unwrap();
                    }
                    drop(pages);
                    let crashed = crash(&synced.0, &disk.trace()[synced.1..], random);
                    disk = MemoryDisk::recording(&crashed, &[]);
                    pages = open(&disk).unwrap();
                    model.take_crashed(&pages);
                    synced = (disk.image(), disk.position());
                }
            }
        }
        model.check(&pages);
    }
}

/// A file of 600 pages; page `n` holds `n % 251 + 1`. The earlier state is before the last sync, which
/// wrote page 7 and the header.
fn made() -> (Vec<u8>, Vec<u8>) {
    let disk = MemoryDisk::default();
    let pages = open(&disk).unwrap();
    pages.set_len(600 * PAGE as u64).unwrap();
    pages.write(0, &header(1)).unwrap();
    for page in 1..600 {
        pages
            .write(page * PAGE as u64, &[content(page); PAGE])
            .unwrap();
    }
    pages.sync_data().unwrap();
    // Both copies of each are written.
    pages.write(PAGE as u64, &[content(1); PAGE]).unwrap();
    pages.sync_data().unwrap();
    let earlier = disk.image().files[0].to_vec();
    pages.write(7 * PAGE as u64, &[content(7); PAGE]).unwrap();
    pages.write(0, &header(2)).unwrap();
    pages.sync_data().unwrap();
    (disk.image().files[0].to_vec(), earlier)
}

fn content(page: u64) -> u8 {
    (page % 251) as u8 + 1
}

/// The pages that cannot be read; all others are right.
fn damaged(bytes: Vec<u8>) -> Vec<u64> {
    let pages = open(&disk_of(bytes)).unwrap();
    let is_damaged = |page: &u64| match read(&pages, *page) {
        Some(found) => {
            assert_eq!(found, content(*page), "page {page}");
            false
        }
        None => true,
    };
    (1..600).filter(is_damaged).collect()
}

fn flipped(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place] ^= 0x10;
    bytes
}

fn offset_of(page: usize) -> usize {
    GROUP + (page + 2 * (page / 500 + 1)) * PAGE
}

#[test]
fn a_flipped_bit_of_a_page_is_an_error_of_that_page_alone() {
    let (whole, _) = made();
    assert_eq!(damaged(whole.clone()), NONE);
    for page in [1, 7, 250, 499, 500, 501, 599] {
        let place = offset_of(page) + page * 6;
        assert_eq!(damaged(flipped(&whole, place)), [page as u64]);
    }
}

#[test]
fn a_page_or_a_checksum_block_in_another_place_is_damage() {
    let (whole, _) = made();
    let mut misplaced = whole.clone();
    misplaced.copy_within(offset_of(9)..offset_of(9) + PAGE, offset_of(8));
    assert_eq!(damaged(misplaced), [8]);
    let mut misplaced = whole;
    let other = GROUP + 502 * PAGE;
    misplaced.copy_within(other..other + 2 * PAGE, GROUP);
    assert_eq!(damaged(misplaced), (1..500).collect::<Vec<_>>());
}

#[test]
fn a_damaged_checksum_block_costs_what_the_last_sync_wrote_at_most() {
    let (whole, earlier) = made();
    let blocks = [0, 1].map(|copy| flipped(&whole, GROUP + copy * PAGE + 100));
    let mut found = blocks.map(damaged);
    found.sort();
    assert_eq!(found, [NONE, NONE], "page 7 was written as it was");
    let mut none = flipped(&whole, GROUP + 100);
    none[GROUP + PAGE + 100] ^= 1;
    assert_eq!(damaged(none), (1..500).collect::<Vec<_>>());
    // A write of the page that was lost.
    let mut lost = whole.clone();
    lost[offset_of(7)..offset_of(7) + PAGE].fill(99);
    assert_eq!(damaged(lost), [7]);
    assert_ne!(whole, earlier);
}

#[test]
fn a_header_is_read_from_its_other_copy_and_an_older_one_is_damage() {
    let (whole, earlier) = made();
    let header_of = |bytes| read_header(&open(&disk_of(bytes)).unwrap());
    assert_eq!(header_of(whole.clone()), Some(2));
    let mut found = [0, 2048].map(|copy| header_of(flipped(&whole, HEADER + copy + 40)));
    found.sort();
    assert_eq!(found, [Some(1), Some(2)]);
    let mut none = flipped(&whole, HEADER + 40);
    none[HEADER + 2048 + 40] ^= 1;
    assert_eq!(header_of(none), None);

    // The write of the header was lost two syncs ago, and its roots are of then.
    let pages = open(&disk_of(whole.clone())).unwrap();
    drop(pages);
    let disk = disk_of(whole);
    let pages = open(&disk).unwrap();
    pages.write(8 * PAGE as u64, &[content(8); PAGE]).unwrap();
    pages.sync_data().unwrap();
    let mut stale = disk.image().files[0].to_vec();
    stale[HEADER..HEADER + PAGE].copy_from_slice(&earlier[HEADER..HEADER + PAGE]);
    let bad = damaged(stale);
    assert_eq!(
        bad,
        (1..500).collect::<Vec<_>>(),
        "the group that was written since"
    );
}

#[test]
fn a_superblock_is_read_from_its_other_copy_and_written_again() {
    let (whole, _) = made();
    for copy in [0, PAGE] {
        for place in [0, 16, 24, 28, 44, 48, 1_000, PAGE - 1] {
            let disk = disk_of(flipped(&whole, copy + place));
            let pages = open(&disk).unwrap();
            assert_eq!(read(&pages, 3), Some(content(3)));
            pages.sync_data().unwrap();
            drop(pages);
            let mended = disk.image().files[0].to_vec();
            assert_eq!(damaged(flipped(&mended, PAGE - copy + 20)), NONE);
        }
    }
    let kind = |bytes| open(&disk_of(bytes)).map(drop).unwrap_err().kind();
    let mut both = flipped(&whole, 30);
    both[PAGE + 30] ^= 1;
    assert_eq!(kind(both), ErrorKind::Corrupted);
    let mut foreign = flipped(&whole, 3);
    foreign[PAGE + 3] ^= 1;
    assert_eq!(kind(foreign), ErrorKind::NotADatabase);
    assert_eq!(
        kind(whole[..GROUP].to_vec()),
        ErrorKind::Corrupted,
        "no pages"
    );
    assert_eq!(kind(whole[..100].to_vec()), ErrorKind::NotADatabase);
}

#[test]
fn the_room_of_the_log_is_left_alone() {
    let (whole, _) = made();
    assert!(whole[2 * PAGE..GROUP].iter().all(|byte| *byte == 0));
}

#[test]
fn an_open_file_is_locked_and_a_part_of_a_page_is_refused() {
    let (whole, _) = made();
    let disk = disk_of(whole);
    let pages = open(&disk).unwrap();
    assert_eq!(open(&disk).map(drop).unwrap_err().kind(), ErrorKind::Locked);
    let refused = |result: io::Result<()>| assert!(result.is_err());
    refused(pages.read(PAGE as u64 + 1, &mut [0; PAGE]));
    refused(pages.read(PAGE as u64, &mut [0; 100]));
    refused(pages.write(PAGE as u64, &[0; 100]));
    refused(pages.write(0, &[0; PAGE]));
    refused(pages.read(600 * PAGE as u64, &mut [0; PAGE]));
    drop(pages);
    open(&disk).unwrap();
}
