//! The undamaged files: what they hold is known, and every blow is struck at a copy of one.

use std::fs;
use std::path::Path;

use convodb::prelude::*;
use convodb::{Filter, Options, PageRequest, Reply, Sort};
use redb::ReadableDatabase as _;

use super::reading::Content;
use super::{Control, base_path};
use crate::apply::apply;
use crate::compare;
use crate::fixture::{clock, crowd, ops_of, options, work_off};
use crate::model::Model;
use crate::op::Op;
use crate::plan::Text;
use crate::probe::FilterPlan;
use crate::tables::with_redb;
use crate::views::VIEWS;

/// Which of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Base {
    /// Compacted and closed: hardly a byte means nothing.
    Packed,
    /// Closed as it grew.
    Closed,
    /// As a crash left it: opening has to recover. What is damaged of the last commit is then taken
    /// for torn, as a crash in its middle would leave it, and the commit is rolled back.
    Crashed,
}

impl Base {
    pub(super) const ALL: [Self; 3] = [Self::Packed, Self::Closed, Self::Crashed];

    fn name(self) -> &'static str {
        match self {
            Self::Packed => "packed",
            Self::Closed => "closed",
            Self::Crashed => "crashed",
        }
    }
}

/// The bytes of every file.
pub(super) struct Bases {
    files: [Vec<u8>; 3],
    /// The crashed one some commits before, for writes that were lost.
    pub(super) earlier: Vec<u8>,
    /// The crashed one before each of its last commits.
    before: [Vec<u8>; BEFORE.len()],
    /// A database of the same engine that is no store, and a store of a newer format.
    pub(super) foreign: Vec<u8>,
    pub(super) newer: Vec<u8>,
    /// The packed one without one row of a list.
    pub(super) without_a_row: Vec<u8>,
}

const OTHERS: [&str; 4] = ["earlier", "foreign", "newer", "without-a-row"];

/// The crashed one before each of its last commits. Damage to a block of the log can hit all records
/// behind the last checkpoint, which then look like a torn end.
const BEFORE: [&str; 6] = [
    "before-1", "before-2", "before-3", "before-4", "before-5", "before-6",
];

impl Bases {
    /// Makes the files, and holds what they hold against the model.
    pub(super) fn make(directory: &Path) {
        let path = |name: &str| base_path(directory, name);
        let live = path("live");
        let clock = clock();
        // A small log, so that as much of the damage meets the pages.
        let options = || options(&clock).wal_size(64 << 10);
        let store = options().open(&live).unwrap();
        let mut model = Model::new(&clock);
        for op in ops_of(3, 100) {
            apply(&store, &mut model, &op).unwrap();
        }
        crowd(&store, &mut model, 40);
        for op in views() {
            apply(&store, &mut model, &op).unwrap();
        }
        // An opening in the background finds nothing to do.
        work_off(&store, &mut model);
        compare::everything(&store, &model);
        compare::sound(&store, &model);
        let copy = |name: &str| {
            store.await_checkpoint().unwrap();
            fs::copy(&live, path(name)).unwrap();
        };
        copy("earlier");
        grow(&store);
        let rows = store.list(&Filter::all(), PageRequest::default()).unwrap();
        for name in BEFORE {
            copy(name);
            store
                .reply(rows.data[0].id, "One of the last commits.")
                .unwrap();
        }
        copy(Base::Crashed.name());
        store.clone().close().unwrap();
        fs::copy(&live, path(Base::Closed.name())).unwrap();

        let store = options().open(&live).unwrap();
        store.compact().unwrap();
        store.close().unwrap();
        fs::copy(&live, path(Base::Packed.name())).unwrap();
        make_foreign(&path("foreign"));
        for (name, change) in [
            ("newer", set_newer_format as fn(&redb::WriteTransaction)),
            ("without-a-row", remove_a_row),
        ] {
            fs::copy(path(Base::Packed.name()), path(name)).unwrap();
            let database = with_redb(&path(name));
            let transaction = database.begin_write().unwrap();
            change(&transaction);
            transaction.commit().unwrap();
        }
    }

    pub(super) fn load(directory: &Path) -> Self {
        let load = |name: &str| fs::read(base_path(directory, name)).unwrap();
        let [earlier, foreign, newer, without_a_row] = OTHERS.map(load);
        Self {
            files: Base::ALL.map(|base| load(base.name())),
            earlier,
            before: BEFORE.map(load),
            foreign,
            newer,
            without_a_row,
        }
    }

    pub(super) fn bytes(&self, base: Base) -> &[u8] {
        &self.files[base as usize]
    }

    /// What a damaged file held, and what it may hold instead.
    pub(super) fn expected(&self, base: Base, control: Control) -> Vec<Content> {
        let mut contents = vec![content(self.bytes(base))];
        if base == Base::Crashed {
            contents.extend(self.before.iter().map(|bytes| content(bytes)));
        }
        for content in &mut contents {
            match control {
                Control::OtherContent => content.falsify_message(),
                Control::OtherRow => content.falsify_row(),
                _ => {}
            }
        }
        contents
    }
}

/// Of every view there may be another one already.
fn views() -> Vec<Op> {
    let mut waiting = FilterPlan::ALL;
    waiting.waiting = Some(true);
    let remove = (0..VIEWS).map(|view| Op::RemoveView { view });
    let save = |view, filter, sort| Op::SaveView {
        view,
        name: Text::Short(view),
        filter,
        sort,
    };
    // One that is not there is not removed.
    let mut ops: Vec<_> = remove.collect();
    ops.push(save(0, waiting, Sort::LongestWaiting));
    ops.push(save(1, FilterPlan::ALL, Sort::Oldest));
    ops.push(save(2, FilterPlan::UNREAD, Sort::Priority));
    ops
}

fn content(bytes: &[u8]) -> Content {
    let directory = tempfile::tempdir().unwrap();
    let path = base_path(directory.path(), "whole");
    fs::write(&path, bytes).unwrap();
    let store = Options::new().create(false).open(&path).unwrap();
    assert!(store.verify().unwrap().is_clean());
    Content::of(&store)
}

/// Commits in the middle of the file, and records that take many pages.
fn grow(store: &Store) {
    let page = PageRequest::number(1, 100).unwrap();
    let rows = store.list(&Filter::all(), page).unwrap().data;
    for (number, row) in rows.iter().enumerate().step_by(3) {
        let text = "It has not come yet. ".repeat(if number % 12 == 0 { 1_500 } else { 5 });
        store.reply(row.id, Reply::text(text)).unwrap();
        store.add_note(row.id, "Asked again.").unwrap();
    }
}

type Bytes = &'static [u8];

fn table(name: &str) -> redb::TableDefinition<'_, Bytes, Bytes> {
    redb::TableDefinition::new(name)
}

/// Tables of the store's names, with nothing of it in them.
fn make_foreign(path: &Path) {
    let database = with_redb(path);
    let transaction = database.begin_write().unwrap();
    for name in [
        "conversations",
        "messages",
        "notes",
        "index",
        "catalog",
        "events",
    ] {
        let mut rows = transaction.open_table(table(name)).unwrap();
        rows.insert(&b"jam"[..], &b"three jars"[..]).unwrap();
    }
    transaction.commit().unwrap();
    let read = database.begin_read().unwrap();
    assert!(read.open_table(table("catalog")).is_ok());
}

fn set_newer_format(transaction: &redb::WriteTransaction) {
    let mut rows = transaction.open_table(table("catalog")).unwrap();
    let before = rows.insert(&b"\x01format"[..], &[0, 0, 0, 2][..]).unwrap();
    assert!(before.is_some());
}

fn remove_a_row(transaction: &redb::WriteTransaction) {
    let mut rows = transaction.open_table(table("index")).unwrap();
    // The first stream by status and channel has open conversations on WhatsApp.
    let (from, to) = ([1, 0, 0], [1, 0, 1]);
    let found = rows.extract_from_if(&from[..]..&to[..], |_, _| true);
    assert!(found.unwrap().next().is_some());
}
