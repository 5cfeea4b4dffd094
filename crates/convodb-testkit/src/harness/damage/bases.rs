//! The undamaged files: what they hold is known, and every blow is struck at a copy of one.

use std::fs;
use std::path::Path;

use convodb::prelude::*;
use convodb::{Check, Durability, Filter, Options, PageRequest, Reply};
use redb::ReadableDatabase as _;

use super::reading::Content;
use super::shown::Shown;
use super::{Control, base_path};
use crate::apply::apply;
use crate::compare;
use crate::fixture::{clock, crowd, ops_of, options};
use crate::model::Model;

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
    /// The crashed one before its last commit.
    before_last: Vec<u8>,
    /// A database of the same engine that is no store, and a store of a newer format.
    pub(super) foreign: Vec<u8>,
    pub(super) newer: Vec<u8>,
    /// The packed one without one row of a list.
    pub(super) without_a_row: Vec<u8>,
    shown: Shown,
}

/// What the harness expects of a damaged file.
pub(super) struct Expected {
    /// What it held, and what it may hold instead.
    pub(super) contents: Vec<Content>,
    /// What it may show beside that where nothing checked it.
    pub(super) shown: Shown,
}

const OTHERS: [&str; 5] = [
    "earlier",
    "before-last",
    "foreign",
    "newer",
    "without-a-row",
];

impl Bases {
    /// Makes the files, and holds what they hold against the model.
    pub(super) fn make(directory: &Path) {
        let path = |name: &str| base_path(directory, name);
        let live = path("live");
        let clock = clock();
        // Its journal is struck on its own.
        let direct = || options(&clock).durability(Durability::Direct);
        let store = direct().open(&live).unwrap();
        let (mut model, mut shown) = (Model::new(&clock), Shown::default());
        for op in ops_of(3, 100) {
            apply(&store, &mut model, &op).unwrap();
            shown.see(&store);
        }
        crowd(&store, &mut model, 40);
        shown.see(&store);
        compare::everything(&store, &model);
        compare::sound(&store, &model);
        fs::copy(&live, path("earlier")).unwrap();
        grow(&store, &mut shown);
        fs::copy(&live, path("before-last")).unwrap();
        let rows = store.list(&Filter::all(), PageRequest::default()).unwrap();
        store.reply(rows.data[0].id, "The last commit.").unwrap();
        shown.see(&store);
        shown.save(directory);
        fs::copy(&live, path(Base::Crashed.name())).unwrap();
        store.clone().close().unwrap();
        fs::copy(&live, path(Base::Closed.name())).unwrap();

        let store = direct().open(&live).unwrap();
        store.compact().unwrap();
        store.close().unwrap();
        fs::copy(&live, path(Base::Packed.name())).unwrap();
        make_foreign(&path("foreign"));
        for (name, change) in [
            ("newer", set_newer_format as fn(&redb::WriteTransaction)),
            ("without-a-row", remove_a_row),
        ] {
            fs::copy(path(Base::Packed.name()), path(name)).unwrap();
            let database = redb::Database::open(path(name)).unwrap();
            let transaction = database.begin_write().unwrap();
            change(&transaction);
            transaction.commit().unwrap();
        }
    }

    pub(super) fn load(directory: &Path) -> Self {
        let load = |name: &str| fs::read(base_path(directory, name)).unwrap();
        let [earlier, before_last, foreign, newer, without_a_row] = OTHERS.map(load);
        Self {
            files: Base::ALL.map(|base| load(base.name())),
            earlier,
            before_last,
            foreign,
            newer,
            without_a_row,
            shown: Shown::load(directory),
        }
    }

    pub(super) fn bytes(&self, base: Base) -> &[u8] {
        &self.files[base as usize]
    }

    pub(super) fn expected(&self, base: Base, control: Control) -> Expected {
        let mut contents = vec![content(self.bytes(base))];
        if base == Base::Crashed {
            contents.push(content(&self.before_last));
        }
        let mut shown = self.shown.clone();
        for content in &contents {
            assert!(content.is_known(&shown), "what is shown was shown");
        }
        for content in &mut contents {
            match control {
                Control::OtherContent => content.falsify_message(&mut shown),
                Control::OtherRow => content.falsify_row(&mut shown),
                _ => {}
            }
        }
        Expected { contents, shown }
    }
}

fn content(bytes: &[u8]) -> Content {
    let directory = tempfile::tempdir().unwrap();
    let path = base_path(directory.path(), "whole");
    fs::write(&path, bytes).unwrap();
    let options = Options::new().check(Check::Always).create(false);
    let store = options.open(&path).unwrap();
    assert!(store.verify().unwrap().is_clean());
    Content::of(&store)
}

/// Commits in the middle of the file, and records that take many pages.
fn grow(store: &Store, shown: &mut Shown) {
    let page = PageRequest::number(1, 100).unwrap();
    let rows = store.list(&Filter::all(), page).unwrap().data;
    for (number, row) in rows.iter().enumerate().step_by(3) {
        let text = "It has not come yet. ".repeat(if number % 12 == 0 { 1_500 } else { 5 });
        store.reply(row.id, Reply::text(text)).unwrap();
        shown.see(store);
        store.add_note(row.id, "Asked again.").unwrap();
        shown.see(store);
    }
}

type Bytes = &'static [u8];

fn table(name: &str) -> redb::TableDefinition<'_, Bytes, Bytes> {
    redb::TableDefinition::new(name)
}

/// Tables of the store's names, with nothing of it in them.
fn make_foreign(path: &Path) {
    let database = redb::Database::create(path).unwrap();
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
