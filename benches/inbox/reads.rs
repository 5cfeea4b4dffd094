//! First pages, totals and transcripts.

use std::time::Duration;

use convodb::prelude::*;
use convodb::{Channel, Filter, InboxId, PageRequest};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};

use crate::generate::{self, History};
use crate::{Size, Subject, cases, raw};

fn group<'c>(criterion: &'c mut Criterion, area: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(area);
    group
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    group
}

fn id(case: &str, subject: &Subject, engine: &str) -> BenchmarkId {
    BenchmarkId::new(format!("{case}/{}", subject.size.name), engine)
}

/// First pages of 20 with their totals, compared with twenty rows of redb in sequence, copied.
pub(crate) fn lists(criterion: &mut Criterion, subjects: &[Subject]) {
    let mut group = group(criterion, "list");
    for subject in subjects {
        for case in cases::all() {
            let page = subject
                .store
                .list(&case.filter, PageRequest::default())
                .unwrap();
            let selected = cases::selected(&case.filter, &subject.conversations);
            assert_eq!(page.total, selected.len() as u64, "{}", case.name);
            let first: Vec<_> = selected.iter().take(20).cloned().collect();
            assert_eq!(page.data, first, "{}", case.name);
            let partition = raw::partitions(&case.filter).into_iter().next().unwrap();
            assert_eq!(subject.raw.list(&partition).len(), 20, "{}", case.name);

            group.bench_function(id(case.name, subject, "convodb"), |bencher| {
                bencher.iter(|| {
                    subject
                        .store
                        .list(&case.filter, PageRequest::default())
                        .unwrap()
                });
            });
            group.bench_function(id(case.name, subject, "redb"), |bencher| {
                bencher.iter(|| subject.raw.list(&partition));
            });
        }
    }
    group.finish();
}

/// Pages of 20 at the beginning, in the middle and at the end of lists of one partition to sixteen.
pub(crate) fn depths(criterion: &mut Criterion, subjects: &[Subject]) {
    let mut group = group(criterion, "depth");
    for subject in subjects {
        for case in cases::all() {
            let selected = cases::selected(&case.filter, &subject.conversations);
            for (depth, percent) in [("first", 0), ("half", 50), ("last", 99)] {
                let skipped = selected.len() / 20 * percent / 100;
                let request = PageRequest::number(skipped as u64 + 1, 20).unwrap();
                let page = subject.store.list(&case.filter, request).unwrap();
                let expected = selected.iter().skip(20 * skipped).take(20);
                assert!(page.data.iter().eq(expected), "{depth} of {}", case.name);
                let name = format!("{depth}/{}", case.name);
                group.bench_function(id(&name, subject, "convodb"), |bencher| {
                    bencher.iter(|| subject.store.list(&case.filter, request).unwrap());
                });
            }
        }
    }
    group.finish();
}

/// The same of a channel with fifty inboxes, and of one of these.
pub(crate) fn inboxes(criterion: &mut Criterion, size: Size) {
    const INBOXES: u64 = 50;
    let mut group = group(criterion, "inboxes");
    let store = Store::in_memory().unwrap();
    let ids = (0..INBOXES).map(|nth| InboxId::new(&format!("inb_{nth}")).unwrap());
    let ids: Vec<_> = ids.collect();
    for id in &ids {
        store.save_inbox(id, Channel::Whatsapp, "An inbox").unwrap();
    }
    let imports = generate::imports(size.conversations, History::Each(1)).zip(ids.iter().cycle());
    let imports = imports.map(|(mut import, id)| {
        import.conversation.channel = Channel::Whatsapp;
        import.conversation.inbox_id = Some(id.clone());
        import
    });
    store.import_all(imports).unwrap();
    let channel = Filter::all().channel(Channel::Whatsapp);
    for (name, filter) in [
        ("one", channel.clone().inbox(&ids[0])),
        ("channel", channel),
    ] {
        let total = store.count(&filter).unwrap();
        for (depth, percent) in [("first", 0), ("half", 50), ("last", 99)] {
            let request = PageRequest::number(total / 20 * percent / 100 + 1, 20).unwrap();
            let case = BenchmarkId::new(format!("{depth}/{name}/{}", size.name), "convodb");
            group.bench_function(case, |bencher| {
                bencher.iter(|| store.list(&filter, request).unwrap());
            });
        }
    }
    group.finish();
}

/// Totals, compared with one lookup of redb per partition.
pub(crate) fn counts(criterion: &mut Criterion, subjects: &[Subject]) {
    let mut group = group(criterion, "count");
    for subject in subjects {
        for case in cases::all() {
            let expected = cases::selected(&case.filter, &subject.conversations).len() as u64;
            let totals = raw::totals(&raw::partitions(&case.filter));
            assert_eq!(subject.store.count(&case.filter).unwrap(), expected);
            assert_eq!(subject.raw.count(&totals), expected);

            group.bench_function(id(case.name, subject, "convodb"), |bencher| {
                bencher.iter(|| subject.store.count(&case.filter).unwrap());
            });
            group.bench_function(id(case.name, subject, "redb"), |bencher| {
                bencher.iter(|| subject.raw.count(&totals));
            });
        }
    }
    group.finish();
}

/// Transcripts of 10 and of 500 messages, compared with the rows of the messages.
pub(crate) fn histories(criterion: &mut Criterion, subjects: &[Subject]) {
    let mut group = group(criterion, "get");
    for subject in subjects {
        for (case, conversation) in ["10", "500"].into_iter().zip(&subject.conversations) {
            let messages: usize = case.parse().unwrap();
            let transcript = subject.store.transcript(conversation.id).unwrap();
            assert_eq!(transcript.conversation, *conversation);
            assert_eq!(transcript.messages.len(), messages);
            assert!(
                transcript
                    .messages
                    .is_sorted_by_key(|message| message.position())
            );
            let range = raw::history(conversation.id);
            assert_eq!(subject.raw.history(&range).len(), messages);

            group.bench_function(id(case, subject, "convodb"), |bencher| {
                bencher.iter(|| subject.store.transcript(conversation.id).unwrap());
            });
            group.bench_function(id(case, subject, "redb"), |bencher| {
                bencher.iter(|| subject.raw.history(&range));
            });
        }
    }
    group.finish();
}
