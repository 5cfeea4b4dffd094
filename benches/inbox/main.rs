//! Benchmarks of an inbox of 10,000 and of 100,000 conversations: pages, totals, transcripts, opening and
//! commands, each compared with redb alone on rows of the same sizes, without records or rules.
//!
//! Ids are `area/case/size/engine`. Each result is checked against the generator once, outside the
//! timed part. As a test (`cargo bench -- --test`) everything runs once, on a small inbox.
//! `benches/instructions` counts the instructions of a few of these cases.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark whose store or index fails has no result"
)]

mod cases;
mod commands;
mod events;
mod generate;
mod import;
mod open;
mod raw;
mod reads;

use convodb::prelude::*;
use convodb::{Conversation, Options};
use criterion::{Criterion, criterion_group, criterion_main};
use tempfile::TempDir;

use generate::History;
use raw::{Raw, Rows};

/// The number of conversations of an inbox, and its name in the ids.
#[derive(Clone, Copy)]
struct Size {
    name: &'static str,
    conversations: u64,
}

/// Whether criterion runs everything only once. It measures only under `cargo bench`.
fn is_test() -> bool {
    let given = |name| std::env::args().any(|argument| argument == name);
    given("--test") || !given("--bench")
}

fn sizes() -> Vec<Size> {
    let size = |name, conversations| Size {
        name,
        conversations,
    };
    if is_test() {
        vec![size("500", 500)]
    } else {
        vec![size("10k", 10_000), size("100k", 100_000)]
    }
}

/// One inbox in a store and in redb, and its conversations.
struct Subject {
    size: Size,
    store: Store,
    raw: Raw,
    /// As the store returns them, in no order. The first has 10 messages, the second 500.
    conversations: Vec<Conversation>,
    _directory: TempDir,
}

impl Subject {
    fn build(size: Size) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Options::new()
            .open(directory.path().join("inbox.redb"))
            .unwrap();
        let mut conversations = Vec::new();
        let mut rows = Rows::default();
        let imports = generate::imports(size.conversations, History::Mixed).inspect(|import| {
            conversations.push(import.conversation.clone());
            rows.add(import);
        });
        let imported = store.import_all(imports).unwrap();
        assert_eq!(imported.value, size.conversations);
        let raw = Raw::create(&directory.path().join("raw.redb"));
        raw.load(&rows.sorted());
        Self {
            size,
            store,
            raw,
            conversations,
            _directory: directory,
        }
    }
}

fn inbox(criterion: &mut Criterion) {
    let subjects: Vec<Subject> = sizes().into_iter().map(Subject::build).collect();
    reads::lists(criterion, &subjects);
    reads::depths(criterion, &subjects);
    reads::counts(criterion, &subjects);
    reads::histories(criterion, &subjects);
    open::all(criterion, &subjects);
    events::all(criterion, &subjects);
    // Last, because they change the conversations that the queries are checked with.
    commands::all(criterion, &subjects);
    drop(subjects);
    sizes()
        .into_iter()
        .for_each(|size| reads::inboxes(criterion, size));
    import::all(criterion);
}

criterion_group!(benches, inbox);
criterion_main!(benches);
