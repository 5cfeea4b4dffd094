//! What a process that ended left is removed by the next opening, and nothing else is.

use std::fs;

use super::*;

/// A store on a disk.
fn made() -> Image {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    for number in 0..20 {
        receive(&store, number);
    }
    store.close().unwrap();
    disk.image()
}

/// What is on the disk before each call that this makes.
fn images_of(image: &Image, act: impl FnOnce(&MemoryDisk)) -> Vec<Image> {
    let disk = MemoryDisk::of(image.clone());
    let images = Arc::new(Mutex::new(Vec::new()));
    let (own, kept) = (disk.clone(), Arc::clone(&images));
    let gate = Before(move |_| kept.lock().unwrap().push(own.image()));
    disk.set_gate(Some(Arc::new(gate)));
    act(&disk);
    disk.set_gate(None);
    std::mem::take(&mut *images.lock().unwrap())
}

fn names(disk: &MemoryDisk) -> Vec<PathBuf> {
    disk.image().names.into_keys().collect()
}

#[test]
fn a_process_that_ends_anywhere_leaves_nothing_that_the_next_opening_does_not_remove() {
    let created = images_of(&Image::default(), |disk| drop(open(disk).unwrap()));
    let compacted = images_of(&made(), |disk| open(disk).unwrap().compact().unwrap());
    let mut left = 0;
    for image in created.into_iter().chain(compacted) {
        let disk = MemoryDisk::of(image);
        let before = names(&disk);
        left += usize::from(before.iter().any(|name| name != Path::new(STORE)));
        let store = open(&disk).unwrap();
        assert_eq!(names(&disk), [Path::new(STORE)], "of {before:?}");
        assert!(store.verify().unwrap().is_clean());
    }
    assert!(left > 20, "{left}");
}

#[test]
fn a_copy_that_is_cut_short_is_removed_by_the_next_copy_to_the_path() {
    let image = made();
    let copies = images_of(&image, |disk| {
        open(disk).unwrap().backup("/copy.redb").unwrap();
    });
    let mut left = 0;
    for image in copies {
        let disk = MemoryDisk::of(image);
        let store = open(&disk).unwrap();
        let copied = store.backup("/copy.redb");
        if let Err(error) = copied {
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        } else {
            left += 1;
        }
        // Its own name is left where the process ended after it had given the copy the other one.
        drop(
            Store::options()
                .disk(Arc::new(disk.clone()))
                .open("/copy.redb")
                .unwrap(),
        );
        assert_eq!(names(&disk), [Path::new("/copy.redb"), Path::new(STORE)]);
    }
    assert!(left > 20, "{left}");
}

#[test]
fn a_file_that_is_being_made_is_never_taken_for_a_leftover() {
    let image = made();
    let calls = images_of(&image, |disk| {
        open(disk).unwrap().backup("/copy.redb").unwrap();
    });
    let mut won = BTreeSet::new();
    for number in 0..calls.len() as u64 {
        let disk = MemoryDisk::of(image.clone());
        let store = open(&disk).unwrap();
        let (calls, rival) = (AtomicU64::new(0), store.clone());
        let first = Arc::new(Mutex::new(None));
        let second = Arc::clone(&first);
        let gate = Before(move |_| {
            if calls.fetch_add(1, Ordering::SeqCst) == number {
                let copied = rival.backup("/copy.redb").map_err(|error| error.kind());
                *second.lock().unwrap() = Some(copied);
            }
        });
        disk.set_gate(Some(Arc::new(gate)));
        let copied = store.backup("/copy.redb").map_err(|error| error.kind());
        disk.set_gate(None);
        let Some(rivals) = *first.lock().unwrap() else {
            continue;
        };
        let answers = [copied, rivals];
        let taken = Err(ErrorKind::AlreadyExists);
        assert!(
            answers == [Ok(()), taken] || answers == [taken, Ok(())],
            "{answers:?} at call {number}"
        );
        won.insert(copied.is_ok());
        assert_eq!(names(&disk), [Path::new("/copy.redb"), Path::new(STORE)]);
    }
    assert_eq!(won.len(), 2, "each of both wins");
}

#[test]
fn only_an_opening_that_writes_removes_leftovers_and_only_those_of_this_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    receive(&store, 1);
    store.close().unwrap();
    let whole = fs::read(&path).unwrap();
    let left = [
        (".inbox.redb.999999-0.tmp", &whole[..]),
        (".inbox.redb.1-17.tmp", &[]),
        (".inbox.redb.2-3.tmp", &[0; 9000]),
    ];
    let others = [
        (".inbox.redb.1.tmp", &whole[..]),
        (".inbox.redb.1-1-1.tmp", &whole),
        (".inbox.redb.-1.tmp", &whole),
        (".inbox.redb.1-1x.tmp", &whole),
        (".inbox.redb.1-1.tmp.old", &whole),
        ("inbox.redb.1-1.tmp", &whole),
        (".other.redb.1-1.tmp", &whole),
        (".my.inbox.redb.1-1.tmp", &whole),
        // It has such a name, and is no store.
        (
            ".inbox.redb.7-7.tmp",
            b"Dear diary, today I went to the lake.",
        ),
    ];
    for (name, bytes) in left.iter().chain(&others) {
        fs::write(directory.path().join(name), bytes).unwrap();
    }
    // One that is held.
    let held = directory.path().join(".inbox.redb.5-5.tmp");
    fs::write(&held, &whole).unwrap();
    let holder = fs::File::open(&held).unwrap();
    holder.lock().unwrap();

    let names = || fs::read_dir(directory.path()).unwrap().count();
    drop(Store::options().read_only(true).open(&path).unwrap());
    assert_eq!(names(), left.len() + others.len() + 2);
    drop(Store::open(&path).unwrap());
    assert_eq!(names(), others.len() + 2);
    for (name, bytes) in others {
        assert_eq!(fs::read(directory.path().join(name)).unwrap(), bytes);
    }
    drop(holder);
    drop(Store::open(&path).unwrap());
    assert_eq!(names(), others.len() + 1);
    assert_eq!(Store::open(&path).unwrap().stats().unwrap().messages, 1);
}

#[test]
fn an_error_while_leftovers_are_removed_fails_no_opening() {
    struct Refuses(Call);
    impl Gate for Refuses {
        fn before(&self, call: Call) -> Fate {
            match call == self.0 {
                true => Fate::Refused(io::ErrorKind::PermissionDenied),
                false => Fate::Done,
            }
        }
    }
    for call in [Call::List, Call::Remove] {
        let mut image = made();
        let file = image.names[Path::new(STORE)];
        image.names.insert("/.inbox.redb.9-9.tmp".into(), file);
        let disk = MemoryDisk::of(image);
        disk.set_gate(Some(Arc::new(Refuses(call))));
        let store = open(&disk).unwrap();
        receive(&store, 1);
        store.close().unwrap();
        assert_eq!(names(&disk).len(), 2);
    }
}
