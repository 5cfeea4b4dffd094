//! Opening a closed file, with and without the check of the whole file, compared with redb.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use convodb::prelude::*;
use convodb::{Check, Filter, Options};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};

use crate::Subject;

/// The checks of an opening, and their names in the ids.
const CASES: [(&str, Check, bool); 2] = [
    ("checked", Check::Always, true),
    ("instant", Check::Never, false),
];

pub(crate) fn all(criterion: &mut Criterion, subjects: &[Subject]) {
    let mut group = criterion.benchmark_group("open");
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    for subject in subjects {
        let (_directory, path) = copy_of(subject);
        let len = std::fs::metadata(&path).unwrap().len();
        for (case, check, is_checked) in CASES {
            if is_checked {
                group.throughput(Throughput::Bytes(len));
            } else {
                // It reads little, whatever the size of the file.
                group.throughput(Throughput::Elements(1));
            }
            let id = |engine| BenchmarkId::new(format!("{case}/{}", subject.size.name), engine);
            group.bench_function(id("convodb"), |bencher| {
                bencher.iter_custom(|times| (0..times).map(|_| open(&path, check)).sum());
            });
            group.bench_function(id("redb"), |bencher| {
                bencher.iter_custom(|times| (0..times).map(|_| open_raw(&path, is_checked)).sum());
            });
        }
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

/// The time of an opening, without closing.
fn open(path: &Path, check: Check) -> Duration {
    let options = Options::new().check(check).create(false);
    let begun = Instant::now();
    let store = options.open(path).unwrap();
    let took = begun.elapsed();
    store.close().unwrap();
    took
}

fn open_raw(path: &Path, is_checked: bool) -> Duration {
    let mut builder = redb::Database::builder();
    builder
        .set_cache_size(64 << 20)
        .set_check_integrity_on_open(is_checked);
    let begun = Instant::now();
    let database = builder.open(path).unwrap();
    let took = begun.elapsed();
    drop(database);
    took
}
