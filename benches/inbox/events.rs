//! Reading and acknowledging all events in pages of 1,000, with one acknowledgement at the end or one
//! per page. Each acknowledgement is a durable commit.

use std::time::Duration;

use convodb::prelude::*;
use convodb::{Consumer, EventSeq};
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
        // The import wrote one per conversation.
        let events = store.stats().unwrap().events;
        assert_eq!(events, size.conversations);
        let newest = EventSeq::new(events);
        assert_eq!(take(&mut fresh(store), true), newest);
        assert_eq!(store.consumers().unwrap()[0].position, newest);
        assert_eq!(raw.events(PAGE), events);
        group.throughput(Throughput::Elements(events));
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

/// A consumer before the first event.
fn fresh(store: &Store) -> Consumer {
    store.consumer(NAME).unwrap().remove().unwrap();
    store.consumer(NAME).unwrap()
}

/// Reads and acknowledges all events. Returns the position.
fn take(consumer: &mut Consumer, each_page: bool) -> EventSeq {
    let mut last = EventSeq::ZERO;
    loop {
        let page = consumer.next(PAGE).unwrap();
        let Some(event) = page.last() else { break };
        last = event.seq;
        if each_page {
            consumer.acknowledge(last).unwrap();
        }
    }
    consumer.acknowledge(last).unwrap().value
}
