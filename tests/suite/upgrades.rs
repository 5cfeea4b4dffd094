//! The power is cut while a file is upgraded: the path holds the old file or the new one, whole.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use convodb::testing::write_older_format;
use convodb::{Channel, ContactId, Durability, Inbound, Options, Result, Store};
use convodb_testkit::fixture::{clock, options};
use convodb_testkit::harness::disk::{Event, Image, MemoryDisk};

use crate::formats::{Row, rows};

const PATH: &str = "/inbox.redb";

/// So many of the events that no sync has made durable are left out, or left alone, at each sync.
const MOST: usize = 8;

/// What the disk may hold at some moment: all that was done, what was made durable, and at each
/// sync also this with one event more, and all with one less.
fn images(base: &Image, trace: &[Event], syncs_files: bool) -> HashSet<Image> {
    let mut images = HashSet::new();
    let (mut durable, mut pending) = (base.clone(), Vec::new());
    for event in trace {
        let with = |events: &mut dyn Iterator<Item = &Event>| {
            let mut image = durable.clone();
            events.for_each(|event| image.apply(event));
            image
        };
        images.insert(durable.clone());
        images.insert(with(&mut pending.iter()));
        let is_sync = matches!(event, Event::Sync { .. } | Event::SyncNames);
        let sampled = (0..pending.len()).step_by(pending.len().div_ceil(MOST).max(1));
        for one in sampled.filter(|_| is_sync) {
            images.insert(with(&mut pending.get(one).into_iter()));
            let others = pending.iter().enumerate().filter(|(at, _)| *at != one);
            images.insert(with(&mut others.map(|(_, event)| event)));
        }
        if !is_sync {
            pending.push(event.clone());
            continue;
        }
        let (synced, left) = pending.into_iter().partition(|held| match (event, held) {
            (
                Event::Sync { file },
                Event::Write { file: of, .. } | Event::SetLen { file: of, .. },
            ) => syncs_files && file == of,
            (Event::SyncNames, held) => !matches!(held, Event::Write { .. } | Event::SetLen { .. }),
            _ => false,
        });
        let synced: Vec<Event> = synced;
        synced.iter().for_each(|event| durable.apply(event));
        pending = left;
    }
    images
}

/// Without a journal, so that the file is all that there is.
fn settings() -> Options {
    options(&clock()).durability(Durability::Direct)
}

fn open(disk: &MemoryDisk) -> Result<Store> {
    settings().disk(Arc::new(disk.clone())).open(PATH)
}

/// Three conversations with a note each, closed.
fn make(path: &Path) -> Result<()> {
    let store = settings().open(path)?;
    for (number, note) in ["Enterprise plan.", "Called back.", "Refunded."]
        .iter()
        .enumerate()
    {
        let contact = ContactId::new(&format!("con_{number}"))?;
        let hello = store.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?;
        store.add_note(hello.value.conversation_id, *note)?;
    }
    store.close()
}

/// Opens what a disk holds, which upgrades it or finds it done; answers every row.
fn opened(image: Image, directory: &Path) -> Result<Vec<Row>> {
    let disk = MemoryDisk::of(image);
    let store = open(&disk)?;
    assert!(store.verify()?.is_clean());
    store.close()?;
    let upgraded = directory.join("upgraded.redb");
    fs::write(&upgraded, &**disk.image().read(Path::new(PATH)).unwrap()).unwrap();
    Ok(rows(&upgraded))
}

#[test]
fn a_power_cut_in_an_upgrade_leaves_the_old_file_or_the_new_one() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let (current, older) = (directory.join("current.redb"), directory.join("older.redb"));
    make(&current)?;
    write_older_format(&current, &older)?;
    let base = Image {
        files: vec![Arc::new(fs::read(&older).unwrap())],
        names: [(PATH.into(), 0)].into(),
    };
    let expected = opened(base.clone(), directory)?;
    assert_eq!(expected, rows(&current));
    let disk = MemoryDisk::recording(&base, &[]);
    open(&disk)?.close()?;
    let trace = disk.trace();

    let states = images(&base, &trace, true);
    let tried = states.len();
    assert!(tried > 100, "{tried} states");
    for image in states {
        assert_eq!(opened(image, directory)?, expected);
    }
    println!("upgrade: {tried} states, 0 lost, 0 torn, 0 unopened");
    // On a disk that does not sync files, the name comes to what is not there.
    let lost = |image| opened(image, directory).is_ok_and(|found| found == expected);
    assert!(!images(&base, &trace, false).into_iter().all(lost));
    Ok(())
}
