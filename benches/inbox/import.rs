//! A bulk import into a new store, compared with a load of the same rows in key order into redb.

use std::time::{Duration, Instant};

use convodb::prelude::*;
use convodb::{Filter, Import};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};

use crate::generate::{self, History};
use crate::raw::{Raw, Rows};
use crate::{Size, is_test};

const MESSAGES_EACH: u64 = 10;

fn size() -> Size {
    let (name, conversations) = if is_test() {
        ("200", 200)
    } else {
        ("20k", 20_000)
    };
    Size {
        name,
        conversations,
    }
}

pub(crate) fn all(criterion: &mut Criterion) {
    let Size {
        name,
        conversations,
    } = size();
    let imports: Vec<Import> =
        generate::imports(conversations, History::Each(MESSAGES_EACH)).collect();
    let mut rows = Rows::default();
    imports.iter().for_each(|import| rows.add(import));
    let rows = rows.sorted();
    check(&imports);

    let mut group = criterion.benchmark_group("import");
    group
        .throughput(Throughput::Elements(conversations))
        .sampling_mode(SamplingMode::Flat)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_secs(10));
    let case = format!("{MESSAGES_EACH}/{name}");
    group.bench_function(BenchmarkId::new(&case, "convodb"), |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| import(&imports)).sum());
    });
    group.bench_function(BenchmarkId::new(&case, "redb"), |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| load(&rows)).sum());
    });
    group.finish();
}

fn check(imports: &[Import]) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("inbox.redb")).unwrap();
    let count = imports.len() as u64;
    let imported = store.import_all(imports.to_vec()).unwrap();
    assert_eq!(imported.value, count);
    assert_eq!(store.count(&Filter::all()).unwrap(), count);
    assert_eq!(store.stats().unwrap().messages, count * MESSAGES_EACH);
}

/// The time until the import is durable, without closing.
fn import(imports: &[Import]) -> Duration {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("inbox.redb")).unwrap();
    let imports = imports.to_vec();
    let started = Instant::now();
    store.import_all(imports).unwrap();
    started.elapsed()
}

fn load(rows: &Rows) -> Duration {
    let directory = tempfile::tempdir().unwrap();
    let raw = Raw::create(&directory.path().join("raw.redb"));
    let started = Instant::now();
    raw.load(rows);
    started.elapsed()
}
