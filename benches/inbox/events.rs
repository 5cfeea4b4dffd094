//! Reading every event, and acknowledging it: by pages of 1,000, with an acknowledgement at the
//! end, or with one a page, each a durable commit.

use std::time::Duration;

use convodb::{Consumer, Store};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};

use crate::Subject;

const NAME: &str = "bench";
const PAGE: usize = 1_000;

pub(crate) fn all(criterion: &mut Criterion, subjects: &[Subject]) {
    let mut group = criterion.benchmark_group("events");
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(2));
    for Subject {
        size, store, raw, ..
    } in subjects
    {
        // The import told one of each conversation.
        let told = store.stats().unwrap().events;
        assert_eq!(told, size.conversations);
        assert_eq!(take(&mut fresh(store), true), told);
        assert_eq!(store.consumers().unwrap()[0].position, told);
        assert_eq!(raw.events(PAGE), told);
        group.throughput(Throughput::Elements(told));
        for (case, each_page) in [("ack_at_the_end", false), ("ack_each_page", true)] {
            let id = BenchmarkId::new(format!("{case}/{}", size.name), "convodb");
            group.bench_function(id, |bencher| {
                bencher.iter_batched_ref(
                    || fresh(store),
                    |consumer| take(consumer, each_page),
                    BatchSize::PerIteration,
                );
            });
        }
        let id = BenchmarkId::new(format!("read/{}", size.name), "redb");
        group.bench_function(id, |bencher| bencher.iter(|| raw.events(PAGE)));
    }
    group.finish();
}

/// A consumer that has taken nothing yet.
fn fresh(store: &Store) -> Consumer {
    let consumer = store.consumer(NAME).unwrap();
    store.remove_consumer(consumer.name()).unwrap();
    store.consumer(NAME).unwrap()
}

/// Takes all there are, and tells how many.
fn take(consumer: &mut Consumer, each_page: bool) -> u64 {
    let mut last = 0;
    loop {
        let page = consumer.next(PAGE).unwrap();
        let Some(event) = page.last() else { break };
        last = event.sequence;
        if each_page {
            consumer.ack(last).unwrap();
        }
    }
    consumer.ack(last).unwrap().value
}
