//! Opening a closed file, compared with redb.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use convodb::internals::kv::pages_on;
use convodb::prelude::*;
use convodb::testing::SystemDisk;
use convodb::{Filter, Options};
use criterion::{BenchmarkId, Criterion, SamplingMode};
use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition, TableHandle as _};

use crate::Subject;

pub(crate) fn all(criterion: &mut Criterion, subjects: &[Subject]) {
    let mut group = criterion.benchmark_group("open");
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    for subject in subjects {
        let (_directory, path) = copy_of(subject);
        let (_other_directory, raw) = raw_copy_of(&path);
        let id = |engine| BenchmarkId::new(subject.size.name, engine);
        group.bench_function(id("convodb"), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| open(&path)).sum());
        });
        group.bench_function(id("redb"), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| open_raw(&raw)).sum());
        });
    }
    group.finish();
}

/// A packed copy of the store, closed.
fn copy_of(subject: &Subject) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("copy.redb");
    subject.store.backup(&path).unwrap();
    let copy = Store::open(&path).unwrap();
    let count = copy.count(&Filter::all()).unwrap();
    assert_eq!(count, subject.store.count(&Filter::all()).unwrap());
    copy.close().unwrap();
    (directory, path)
}

/// The same rows in a file of redb's own.
fn raw_copy_of(path: &Path) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy.redb");
    let pages = pages_on(&SystemDisk, path, 0).unwrap();
    let from = redb::Database::builder().create_with_backend(pages);
    let from = from.unwrap();
    let from = from.begin_read().unwrap();
    let into = redb::Database::create(&copy).unwrap();
    let write = into.begin_write().unwrap();
    for name in from.list_tables().unwrap() {
        let table: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(name.name());
        let mut rows = write.open_table(table).unwrap();
        for row in from.open_table(table).unwrap().iter().unwrap() {
            let (key, value) = row.unwrap();
            rows.insert(key.value(), value.value()).unwrap();
        }
    }
    write.commit().unwrap();
    (directory, copy)
}

/// The time of an opening, without closing.
fn open(path: &Path) -> Duration {
    let options = Options::new().create(false);
    let begun = Instant::now();
    let store = options.open(path).unwrap();
    let took = begun.elapsed();
    store.close().unwrap();
    took
}

fn open_raw(path: &Path) -> Duration {
    let mut builder = redb::Database::builder();
    builder.set_cache_size(64 << 20);
    let begun = Instant::now();
    let database = builder.open(path).unwrap();
    let took = begun.elapsed();
    drop(database);
    took
}
