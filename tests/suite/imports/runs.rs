//! Loads into a new store that take several sorted runs: one commit, or nothing.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use convodb::prelude::*;
use convodb::{CommitSeq, ErrorKind, Import, Note, NoteId, Options, ProviderId};
use convodb_testkit::fixture::{clock, options};
use convodb_testkit::harness::contents::Contents;
use convodb_testkit::harness::disk::{Call, Fate, Gate, Image, MemoryDisk};

use super::many::{imports, invalid};
use crate::rules::inbox::time;

/// A run of so many bytes.
const RUN_BYTES: usize = 16 << 10;

/// Conversations in no order, with rows of every kind.
fn unordered(count: u64) -> Vec<Import> {
    let mut imports = imports(count);
    for import in &mut imports {
        let id = import.conversation.id;
        for (nth, message) in import.messages.iter_mut().enumerate() {
            message.provider_id = Some(ProviderId::new(&format!("{id}-{nth}")).unwrap());
        }
        let note = NoteId::from_parts(1, id.raw());
        let note = Note::new(note, id, "note".to_owned(), time("2020-06-03T12:00:00Z"));
        import.notes = vec![note];
    }
    imports.sort_by_key(|import| import.conversation.id.raw() % 7);
    imports
}

fn small_runs() -> Options {
    options(&clock()).run_bytes(RUN_BYTES)
}

fn opened(disk: &MemoryDisk) -> convodb::Result<Store> {
    let options = small_runs().disk(Arc::new(disk.clone()));
    options.open("/inbox.redb")
}

fn contents(store: &Store) -> Contents {
    Contents::of_reading(store).unwrap()
}

#[track_caller]
fn assert_same(store: &Store, expected: &Contents) {
    assert_eq!(contents(store).difference(expected), None);
    assert!(store.verify().unwrap().is_clean());
}

/// What commands make of imports.
fn imported_each(imports: &[Import]) -> Contents {
    let each = options(&clock()).open_in_memory().unwrap();
    for import in imports {
        each.import(import.clone()).unwrap();
    }
    contents(&each)
}

#[test]
fn a_load_of_many_runs_gives_the_same_as_commands_in_one_commit_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = small_runs().open(directory.path().join("inbox.redb"));
    let store = store.unwrap();
    let imports = unordered(300);
    let refused = |last: Import| {
        let imports = imports.iter().cloned().chain([last]);
        let refused = store.import_all(imports).unwrap_err();
        assert_eq!(store.stats().unwrap().conversations, 0);
        assert_eq!(store.commit_seq().unwrap(), CommitSeq::ZERO);
        refused
    };
    let again = refused(imports[0].clone());
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    let invalid = refused(invalid(1_000));
    assert_eq!(invalid.field(), Some("import[300].messages[0].content"));

    let imported = store.import_all(imports.iter().cloned()).unwrap();
    assert_eq!(imported.value, 300);
    assert_eq!(imported.commit, Some(CommitSeq::new(1)));
    assert_same(&store, &imported_each(&imports));
    let names = std::fs::read_dir(directory.path()).unwrap();
    assert_eq!(names.count(), 1, "the file of the runs has no name");
}

/// Refuses one call, and keeps what the disk holds then.
struct Refuses {
    disk: MemoryDisk,
    refused: u64,
    calls: AtomicU64,
    left: Mutex<Option<Image>>,
}

impl Gate for Refuses {
    fn before(&self, _: Call) -> Fate {
        if self.calls.fetch_add(1, Ordering::SeqCst) != self.refused {
            return Fate::Done;
        }
        *self.left.lock().unwrap() = Some(self.disk.image());
        Fate::Refused(io::ErrorKind::Other)
    }
}

#[test]
fn a_load_that_a_crash_or_a_failing_call_ends_leaves_no_conversation() {
    let imports = unordered(60);
    let whole = imported_each(&imports);
    let made = MemoryDisk::default();
    opened(&made).unwrap().close().unwrap();
    let mut failed = 0;
    for refused in 0.. {
        let disk = MemoryDisk::of(made.image());
        let store = opened(&disk).unwrap();
        let gate = Arc::new(Refuses {
            disk: disk.clone(),
            refused,
            calls: AtomicU64::new(0),
            left: Mutex::default(),
        });
        disk.set_gate(Some(gate.clone()));
        let loaded = store.import_all(imports.iter().cloned());
        disk.set_gate(None);
        let Some(left) = gate.left.lock().unwrap().take() else {
            loaded.unwrap();
            break;
        };
        let Err(error) = loaded else {
            assert_same(&store, &whole);
            continue;
        };
        failed += 1;
        let is_unknown = error.kind() == ErrorKind::CommitUnknown;
        let crashed = opened(&MemoryDisk::of(left)).unwrap();
        // The store goes on, where it has to be reopened then.
        store.reopen().unwrap();
        for store in [&crashed, &store] {
            if store.commit_seq().unwrap() == CommitSeq::ZERO {
                assert_eq!(store.stats().unwrap().conversations, 0);
                store.import_all(imports.iter().cloned()).unwrap();
            } else {
                assert!(is_unknown, "call {refused}: {error}");
            }
            assert_same(store, &whole);
        }
    }
    assert!(failed > 50, "{failed} calls failed");
}
