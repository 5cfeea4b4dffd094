//! The power is cut while a file is upgraded: the path holds the old file or the new one, whole.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use convodb_core::Result;

use self::disk::{Event, Image, MemoryDisk};
use super::tests::{Checked, Rows, made, older, open, rows};
use crate::kv::{Disk as _, Place, SystemDisk};
use crate::storage::verify;

#[path = "../../../tests/support/harness/disk.rs"]
#[expect(
    dead_code,
    clippy::indexing_slicing,
    reason = "the crash harness's own disk, of which this needs a part"
)]
mod disk;

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

fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let file = SystemDisk.open(path)?;
    let mut bytes = vec![0; file.metadata()?.len as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Opens what a disk holds, which upgrades it or finds it done; answers every row.
fn opened(image: Image) -> Result<Vec<Rows>> {
    let disk = Arc::new(MemoryDisk::of(image));
    let engine = open(Path::new(PATH), Arc::clone(&disk) as _)?;
    assert!(verify(&engine.view()?)?.is_clean());
    engine.close()?;
    rows(&Place::new(disk, PATH.into()))
}

#[test]
#[expect(clippy::print_stdout, reason = "a harness says what it tried")]
fn a_power_cut_in_an_upgrade_leaves_the_old_file_or_the_new_one() -> Checked {
    let directory = tempfile::tempdir()?;
    let current = directory.path().join("current.redb");
    made(&current)?;
    let path = older(&current, directory.path().join("older.redb"), false)?;
    let base = Image {
        files: vec![Arc::new(contents(&path)?)],
        names: [(PATH.into(), 0)].into(),
    };
    let expected = opened(base.clone())?;
    let disk = Arc::new(MemoryDisk::recording(&base, &[]));
    open(Path::new(PATH), Arc::clone(&disk) as _)?.close()?;
    let trace = disk.trace();

    let states = images(&base, &trace, true);
    let tried = states.len();
    assert!(tried > 100, "{tried} states");
    for image in states {
        assert_eq!(opened(image)?, expected);
    }
    println!("upgrade: {tried} states, 0 lost, 0 torn, 0 unopened");
    // On a disk that does not sync files, the name comes to what is not there.
    let lost = |image| opened(image).is_ok_and(|found| found == expected);
    assert!(!images(&base, &trace, false).into_iter().all(lost));
    Ok(())
}
