//! Copies, packing, reopening, verifying and counting leave what is stored as it is.

mod snapshots;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, thread};

use convodb::commands::DeleteResolved;
use convodb::prelude::*;
use convodb::{
    Channel, CommitSeq, ContactId, Conversation, ConversationId, ErrorKind, Filter, Health, Import,
    Inbound, Message, Note, NoteId, Options, PageRequest, Result, Selection, Sort,
};
use tempfile::TempDir;

use convodb_testkit::apply::apply;
use convodb_testkit::child::{self, Child};
use convodb_testkit::compare;
use convodb_testkit::fixture::{EndsOthers, clock, fill, ops_of, options, work_off};
use convodb_testkit::harness::disk::{Call, Fate, Gate, MemoryDisk};
use convodb_testkit::model::Model;
use convodb_testkit::op::contact;

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    (directory, path)
}

fn kind<T>(answer: Result<T>) -> Result<(), ErrorKind> {
    answer.map(drop).map_err(|error| error.kind())
}

fn check_alone(path: &Path) {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    assert_eq!(entries.count(), 1, "nothing is left beside the file");
}

/// The store is as the model, and stays so while more is done to both.
fn check_goes_on(store: &Store, mut model: Model) {
    compare::everything(store, &model);
    compare::sound(store, &model);
    for op in ops_of(77, 25) {
        apply(store, &mut model, &op).unwrap();
    }
    compare::everything(store, &model);
    compare::sound(store, &model);
}

/// A conversation of many messages and notes.
fn import_long(store: &Store, count: u16) -> ConversationId {
    let id = ConversationId::from_parts(1_600_000_000_000, 1);
    let at = clock().get();
    let conversation = Conversation::new(id, contact(1), Channel::Webchat, at);
    let messages = (0..count).map(|n| {
        let message = convodb::MessageId::from_parts(1_776_000_000_000, n.into());
        let content = format!("message {n} of a long conversation").into();
        Message::new(message, id, convodb::Direction::Inbound, content, at)
    });
    let notes = (0..count).map(|n| {
        let note = NoteId::from_parts(1_776_000_000_000, n.into());
        Note::new(note, id, format!("note {n}"), at)
    });
    let import = Import::new(conversation, messages.collect()).notes(notes.collect());
    store.import(import).unwrap().value.id
}

#[test]
fn a_backup_of_a_live_store_equals_it_and_goes_on_as_it_would() {
    let (directory, path) = directory();
    for seed in 0..3 {
        let time = clock();
        let store = options(&time)
            .open(path.with_extension(seed.to_string()))
            .unwrap();
        let model = fill(&store, &time, seed, 60);
        let copy_path = directory.path().join(format!("copy.{seed}"));
        store.backup(&copy_path).unwrap();
        compare::everything(&store, &model);

        let copy = options(&time).create(false).open(&copy_path).unwrap();
        // The copy is a store of its own: what is done to one is not done to the other.
        let kept = model.clone();
        check_goes_on(&copy, model);
        compare::everything(&store, &kept);
    }
}

#[test]
fn a_backup_of_a_store_in_memory_is_a_file_that_opens() {
    let (_directory, path) = directory();
    let time = clock();
    let store = options(&time).open_in_memory().unwrap();
    let model = fill(&store, &time, 8, 60);
    store.backup(&path).unwrap();
    check_alone(&path);
    check_goes_on(&options(&time).create(false).open(&path).unwrap(), model);
}

#[test]
fn a_backup_beside_a_writer_is_one_state_with_all_that_was_acknowledged_before() {
    let (directory, path) = directory();
    let store = Store::open(&path).unwrap();
    let done = AtomicBool::new(false);
    let receive = |number: u8| {
        let inbound = Inbound::text(contact(number), Channel::Whatsapp, "Hello");
        store.receive(inbound).unwrap().commit
    };
    receive(0);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 0_u8;
            while !done.load(Ordering::SeqCst) {
                receive(number);
                number = number.wrapping_add(1);
            }
        });
        let ends_others = EndsOthers(&done);
        for number in 0..5 {
            let acknowledged = store.commit_seq().unwrap();
            let copy = directory.path().join(format!("copy.{number}"));
            store.backup(&copy).unwrap();
            let copy = Options::new().create(false).open(&copy).unwrap();
            let stats = copy.stats().unwrap();
            assert!(stats.commit_seq >= acknowledged);
            assert_eq!(stats.messages, stats.commit_seq.get(), "a message a commit");
            assert!(copy.verify().unwrap().is_clean());
        }
        drop(ends_others);
        writer.join().unwrap();
    });
}

#[test]
fn a_backup_replaces_nothing_and_creates_no_directory() {
    let (directory, path) = directory();
    let store = Store::open(&path).unwrap();
    let taken = directory.path().join("taken");
    fs::write(&taken, "dear diary").unwrap();
    assert_eq!(kind(store.backup(&taken)), Err(ErrorKind::AlreadyExists));
    assert_eq!(fs::read_to_string(&taken).unwrap(), "dear diary");
    fs::remove_file(&taken).unwrap();

    assert_eq!(kind(store.backup(&path)), Err(ErrorKind::AlreadyExists));
    let missing = directory.path().join("missing").join("copy");
    assert_eq!(kind(store.backup(&missing)), Err(ErrorKind::NotFound));
    check_alone(&path);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn compacting_a_file_keeps_what_it_holds_and_keeps_it_locked() {
    let (_directory, path) = directory();
    let time = clock();
    let store = options(&time).open(&path).unwrap();
    let model = fill(&store, &time, 21, 80);
    store.compact().unwrap();
    check_alone(&path);
    assert_eq!(kind(Store::open(&path)), Err(ErrorKind::Locked));
    compare::everything(&store, &model);
    drop(store);
    let store = options(&time).create(false).open(&path).unwrap();
    check_goes_on(&store, model);
}

#[cfg(unix)]
#[test]
fn compacting_through_a_link_packs_the_file_that_the_link_leads_to() {
    let (directory, path) = directory();
    let link = directory.path().join("link.redb");
    drop(Store::open(&path).unwrap());
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let store = Store::open(&link).unwrap();
    store.compact().unwrap();
    let inbound = Inbound::text(contact(1), Channel::Whatsapp, "Hello");
    store.receive(inbound).unwrap();
    assert_eq!(kind(Store::open(&path)), Err(ErrorKind::Locked));
    store.close().unwrap();

    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let store = Options::new().create(false).open(&path).unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 1);
}

#[test]
fn a_relative_path_means_the_same_file_wherever_the_process_goes() {
    const TEST: &str = "a_relative_path_means_the_same_file_wherever_the_process_goes";
    if child::role().is_some() {
        // Alone in its process, as the working directory is the whole process's.
        std::env::set_current_dir("here").unwrap();
        let store = Store::open("inbox.redb").unwrap();
        std::env::set_current_dir("../there").unwrap();
        let inbound = Inbound::text(contact(1), Channel::Whatsapp, "Hello");
        store.receive(inbound).unwrap();
        child::say(&format!("{:?}", kind(store.stats())));
        child::say(&format!("{:?}", kind(store.compact())));
        child::say(&format!("{:?}", kind(store.reopen())));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (here, there) = (
        directory.path().join("here"),
        directory.path().join("there"),
    );
    fs::create_dir(&here).unwrap();
    fs::create_dir(&there).unwrap();
    let mut child = Child::start_in(directory.path(), module_path!(), TEST, "go");
    for _call in ["stats", "compact", "reopen"] {
        assert_eq!(child.hear().as_deref(), Some("Ok(())"));
    }
    child.end();
    assert_eq!(fs::read_dir(&there).unwrap().count(), 0);
    let path = here.join("inbox.redb");
    check_alone(&path);
    let store = Options::new().create(false).open(&path).unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 1);
}

#[test]
fn compacting_in_memory_keeps_what_is_held() {
    let time = clock();
    let store = options(&time).open_in_memory().unwrap();
    let model = fill(&store, &time, 22, 80);
    store.compact().unwrap();
    check_goes_on(&store, model);
}

#[test]
fn a_file_shrinks_when_it_is_compacted_after_deleting() {
    let (_directory, path) = directory();
    let store = Options::new().wal_size(64 << 10).open(&path).unwrap();
    let id = import_long(&store, 5_000);
    store
        .receive(Inbound::text(contact(2), Channel::Webchat, "stays"))
        .unwrap();
    let full = store.stats().unwrap();
    store.delete(id).unwrap();
    let deleted = store.stats().unwrap();
    assert!(deleted.stored_bytes < full.stored_bytes / 10, "{deleted:?}");
    store.compact().unwrap();
    let packed = store.stats().unwrap();
    assert!(
        packed.file_bytes < full.file_bytes / 4,
        "{packed:?}, from {full:?}"
    );
    assert_eq!(packed.file_bytes, fs::metadata(&path).unwrap().len());
    assert_eq!((packed.conversations, packed.messages), (1, 1));
    // Totals that were buffered are rows of the copy.
    assert!(packed.stored_bytes.abs_diff(deleted.stored_bytes) < 1_000);
}

#[test]
fn compacting_beside_readers_and_a_writer_disturbs_neither() {
    let (_directory, path) = directory();
    let store = Store::open(&path).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let page = store.list(&Filter::all(), PageRequest::default()).unwrap();
                let ids: Vec<_> = page.data.iter().map(|row| row.id).collect();
                let newest = store.last_messages(&ids).unwrap();
                assert!(newest.iter().all(Option::is_some));
                store.stats().unwrap();
            }
        });
        let writer = scope.spawn(|| {
            let mut received = 0_u64;
            while !done.load(Ordering::SeqCst) {
                let number = (received % 50) as u8;
                let inbound = Inbound::text(contact(number), Channel::Whatsapp, "Hello");
                store.receive(inbound).unwrap();
                received += 1;
            }
            received
        });
        let ends_others = EndsOthers(&done);
        for _ in 0..8 {
            store.compact().unwrap();
        }
        drop(ends_others);
        reader.join().unwrap();
        let received = writer.join().unwrap();
        assert_eq!(store.stats().unwrap().messages, received);
    });
    assert!(store.verify().unwrap().is_clean());
    store.close().unwrap();
    check_alone(&path);
}

#[test]
fn reopening_keeps_what_is_held_for_every_clone() {
    let (_directory, path) = directory();
    let time = clock();
    let store = options(&time).open(&path).unwrap();
    let clone = store.clone();
    let model = fill(&store, &time, 31, 60);
    clone.reopen().unwrap();
    compare::everything(&clone, &model);
    check_goes_on(&store, model);
}

#[test]
fn a_reopening_that_fails_is_an_error_until_one_succeeds() {
    let disk = MemoryDisk::default();
    let time = clock();
    let options = options(&time).disk(Arc::new(disk.clone()));
    let store = options.open("/inbox.redb").unwrap();
    let clone = store.clone();
    let model = fill(&store, &time, 41, 60);
    disk.set_gate(Some(Arc::new(Unopened)));
    assert_eq!(kind(store.reopen()), Err(ErrorKind::Io));
    assert!(matches!(store.health(), Health::Offline(_)));

    let needs_reopen = Err(ErrorKind::NeedsReopen);
    assert_eq!(kind(clone.count(&Filter::all())), needs_reopen);
    assert_eq!(kind(clone.snapshot()), needs_reopen);
    assert_eq!(kind(clone.erase_contact(&contact(1))), needs_reopen);
    assert_eq!(kind(clone.compact()), needs_reopen);
    assert_eq!(kind(clone.verify()), needs_reopen);

    disk.set_gate(None);
    clone.reopen().unwrap();
    check_goes_on(&store, model);
}

/// A disk whose files cannot be opened.
struct Unopened;

impl Gate for Unopened {
    fn before(&self, call: Call) -> Fate {
        match call {
            Call::Open => Fate::Refused(std::io::ErrorKind::PermissionDenied),
            _ => Fate::Done,
        }
    }
}

#[test]
fn closing_a_store_that_needs_reopening_ends_it() {
    let disk = MemoryDisk::default();
    let options = Options::new().disk(Arc::new(disk.clone()));
    let store = options.open("/inbox.redb").unwrap();
    let clone = store.clone();
    disk.set_gate(Some(Arc::new(Unopened)));
    assert_eq!(kind(store.reopen()), Err(ErrorKind::Io));
    store.close().unwrap();
    assert_eq!(kind(clone.reopen()), Err(ErrorKind::Closed));
    assert_eq!(kind(clone.count(&Filter::all())), Err(ErrorKind::Closed));
}

#[test]
fn every_state_on_the_way_verifies_clean_and_is_counted() {
    for seed in 50..54 {
        let time = clock();
        let store = options(&time).open_in_memory().unwrap();
        let mut model = Model::new(&time);
        for op in ops_of(seed, 60) {
            apply(&store, &mut model, &op).unwrap();
            compare::sound(&store, &model);
        }
        work_off(&store, &mut model);
        let report = store.verify().unwrap();
        let unread = store.count(&Filter::all().unread()).unwrap();
        assert!(unread > 0, "seed {seed} leaves something unread");
        let in_views: u64 = store.stats().unwrap().views.iter().map(|it| it.rows).sum();
        let of_filters = 2 * (report.conversations + unread);
        assert_eq!(report.index_rows, of_filters + in_views);
    }
}

#[test]
fn a_verification_says_how_far_it_has_come_and_ends_where_it_is_to() {
    let (_directory, path) = directory();
    let store = Store::open(&path).unwrap();
    import_long(&store, 10_000);
    let mut steps = Vec::new();
    let report = store.verify_with(|done, of| {
        steps.push((done, of));
        ControlFlow::Continue(())
    });
    assert!(report.unwrap().is_clean());
    assert!(steps.len() > 2, "{steps:?}");
    assert!(steps.is_sorted());
    assert!(steps.iter().all(|(done, of)| done <= of), "{steps:?}");
    let stopped = store.verify_with(|_, _| ControlFlow::Break(()));
    assert_eq!(kind(stopped), Err(ErrorKind::Aborted));
    store.verify().unwrap();
}

#[test]
fn repairing_a_sound_store_leaves_it_as_it_is() {
    let time = clock();
    let store = options(&time).open_in_memory().unwrap();
    let mut model = fill(&store, &time, 61, 80);
    let snapshot = store.snapshot().unwrap();
    assert!(store.repair().unwrap().is_clean());
    compare::everything(&snapshot, &model);
    // It is a commit.
    model.sequence += 1;
    check_goes_on(&store, model);
}

#[test]
fn stats_have_the_size_of_the_file_and_what_of_it_is_used() {
    let (_directory, path) = directory();
    let store = Store::open(&path).unwrap();
    let new = store.stats().unwrap();
    assert_eq!([new.conversations, new.messages, new.notes], [0, 0, 0]);
    assert_eq!((new.users, new.teams), (0, 0));
    assert_eq!(new.commit_seq, CommitSeq::ZERO);
    import_long(&store, 1_000);
    let stats = store.stats().unwrap();
    assert_eq!(stats.file_bytes, fs::metadata(&path).unwrap().len());
    assert_eq!(
        [stats.conversations, stats.messages, stats.notes],
        [1, 1_000, 1_000]
    );
    assert_eq!(stats.commit_seq, CommitSeq::new(1));
    let text = 1_000 * "message 999 of a long conversation".len() as u64;
    assert!(stats.stored_bytes > new.stored_bytes + text, "{stats:?}");
    assert!(
        stats.stored_bytes + stats.free_bytes <= stats.file_bytes,
        "{stats:?}"
    );
}

#[test]
fn stats_count_the_rows_of_every_table() {
    // Seeded: one row in sixteen has a node of counts too.
    let store = options(&clock()).open_in_memory().unwrap();
    let empty = store.stats().unwrap();
    // The format, the identity, the head and the checkpoint.
    assert_eq!((empty.index_rows, empty.catalog_rows), (0, 4));
    for (number, channel) in [(1, Channel::Whatsapp), (2, Channel::Webchat)] {
        let inbound = Inbound::text(contact(number), channel, "Hello");
        store.receive(inbound).unwrap();
    }
    let stats = store.stats().unwrap();
    assert_eq!((stats.conversations, stats.messages), (2, 2));
    // A thread each; a row in each index and a total of each of their four streams, and the same
    // again of what is unread; a total of each of their two unions.
    assert_eq!((stats.index_rows, stats.catalog_rows), (18, 6));
}

#[test]
fn old_conversations_are_deleted_behind_changes_of_their_own_transaction() {
    let time = clock();
    let store = options(&time).open_in_memory().unwrap();
    let contacts: Vec<_> = (0..300)
        .map(|number| ContactId::new(&format!("con_{number}")).unwrap())
        .collect();
    let hello = |contact| Inbound::text(contact, Channel::Whatsapp, "Hello");
    for contact in &contacts {
        let id = store.receive(hello(contact)).unwrap().value.conversation_id;
        store.resolve(id).unwrap();
    }
    time.advance(Duration::from_secs(60));
    let deleted = store.transaction(|tx| {
        for contact in &contacts[100..] {
            tx.receive(hello(contact))?;
        }
        tx.execute(DeleteResolved {
            older_than: Duration::ZERO,
            limit: 2,
        })
    });
    assert_eq!(deleted.unwrap().value, 2);
    assert_eq!(store.count(&Filter::all()).unwrap(), 298);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn the_oldest_of_a_list_are_selected_behind_changes_of_their_own_transaction() {
    let time = clock();
    let store = options(&time).open_in_memory().unwrap();
    let contacts: Vec<_> = (0..300)
        .map(|number| ContactId::new(&format!("con_{number}")).unwrap())
        .collect();
    let hello = |contact| Inbound::text(contact, Channel::Whatsapp, "Hello");
    let receive = |contact| store.receive(hello(contact)).unwrap().value.conversation_id;
    let ids: Vec<_> = contacts[..200].iter().map(receive).collect();
    time.advance(Duration::from_secs(60));
    let oldest = Filter::open().sort(Sort::EarliestActivity);
    let resolved = store.transaction(|tx| {
        for contact in &contacts[100..] {
            tx.receive(hello(contact))?;
        }
        tx.resolve_all(&Selection::first(&oldest, 2)?)
    });
    let resolved: Vec<_> = resolved.unwrap().value.iter().map(|item| item.id).collect();
    assert_eq!(resolved, ids[..2]);
    assert!(store.verify().unwrap().is_clean());
}
