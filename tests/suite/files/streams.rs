//! A copy that is streamed is the store at one commit, and leaves nothing.

use std::fs;
use std::io::Write;
use std::sync::atomic::AtomicBool;
use std::thread;

use convodb_testkit::compare;
use convodb_testkit::fixture::{EndsOthers, fill};

use super::*;

/// Takes so many bytes.
struct Takes(usize);

impl Write for Takes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.min(bytes.len()) {
            0 => Err(io::ErrorKind::BrokenPipe.into()),
            taken => {
                self.0 -= taken;
                Ok(taken)
            }
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_copy_beside_a_writer_is_one_commit_with_all_that_was_acknowledged_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    receive(&store, 0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut commits = 0;
            while !done.load(Ordering::SeqCst) {
                receive(&store, (commits % 7) as u8);
                commits += 1;
            }
            commits
        });
        let ends_others = EndsOthers(&done);
        for _ in 0..4 {
            let acknowledged = store.commit_seq().unwrap();
            let mut bytes = Vec::new();
            let commit = store.backup_to(&mut bytes).unwrap();
            let copy = directory.path().join("copy.redb");
            fs::write(&copy, bytes).unwrap();
            let copied = Store::open(&copy).unwrap();
            assert!(commit >= acknowledged);
            assert_eq!(copied.commit_seq().unwrap(), commit);
            assert_eq!(copied.stats().unwrap().messages, commit.get());
            assert!(copied.verify().unwrap().is_clean());
            copied.close().unwrap();
            fs::remove_file(&copy).unwrap();
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        }
        drop(ends_others);
        assert!(writer.join().unwrap() > 0, "commands went on");
    });
}

#[test]
fn while_a_copy_is_streamed_it_has_no_name_and_an_error_leaves_none() {
    let disk = MemoryDisk::default();
    let time = clock();
    let options = || options(&time);
    let store = options().disk(Arc::new(disk.clone())).open(STORE).unwrap();
    let model = fill(&store, &time, 3, 60);
    struct Looks<'a>(&'a MemoryDisk, Vec<u8>);
    impl Write for Looks<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            assert_eq!(self.0.image().names.len(), 1);
            self.1.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut whole = Looks(&disk, Vec::new());
    store.backup_to(&mut whole).unwrap();
    let len = whole.1.len();

    let mut image = Image::default();
    image.files.push(Arc::new(whole.1));
    image.names.insert(STORE.into(), 0);
    let copied = options().disk(Arc::new(MemoryDisk::of(image)));
    compare::everything(&copied.open(STORE).unwrap(), &model);

    for taken in [0, 1, 5000, len - 1] {
        let error = store.backup_to(&mut Takes(taken)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        let source = std::error::Error::source(&error).unwrap();
        let source: &io::Error = source.downcast_ref().unwrap();
        assert_eq!(source.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(disk.image().names.len(), 1);
    }
    compare::everything(&store, &model);
}

#[test]
fn a_store_in_memory_and_one_that_is_read_alone_stream_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::in_memory().unwrap();
    receive(&store, 1);
    let mut file = fs::File::create(&path).unwrap();
    let commit = store.backup_to(&mut file).unwrap();
    let reads = Store::options().read_only(true).open(&path).unwrap();
    assert_eq!(reads.commit_seq().unwrap(), commit);
    let mut bytes = Vec::new();
    assert_eq!(reads.backup_to(&mut bytes).unwrap(), commit);
    drop(reads);
    fs::write(&path, bytes).unwrap();
    assert_eq!(Store::open(&path).unwrap().stats().unwrap().messages, 1);
}
