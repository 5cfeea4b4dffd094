//! An inbox of 10,000 and of 100,000 conversations: every page, total, history, opening and command beside
//! redb doing the same work alone, on rows of the same sizes, without records or rules.
//!
//! Ids are `area/case/size/engine`. Each result is checked against the generator once, outside the
//! timed part. As a test (`cargo bench -- --test`) everything runs once, on a small inbox.
//! `benches/instructions` counts what a few of these cases take in instructions.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench whose engine or index fails has nothing to measure"
)]

mod cases;
mod commands;
mod events;
mod generate;
mod import;
mod open;
mod raw;
mod reads;

use convodb::{Conversation, Options, Store};
use criterion::{Criterion, criterion_group, criterion_main};
use tempfile::TempDir;

use generate::History;
use raw::{Raw, Rows};

/// How many conversations an inbox holds, and what the ids call it.
#[derive(Clone, Copy)]
struct Size {
    name: &'static str,
    conversations: u64,
}

/// Whether criterion only runs everything once: it measures under `cargo bench` alone.
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

/// One inbox in both engines, and what it was generated from.
struct Subject {
    size: Size,
    store: Store,
    raw: Raw,
    /// As the store shows them, in no order. The first has 10 messages, the second 500.
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
        assert_eq!(store.import_all(imports).unwrap(), size.conversations);
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
    reads::counts(criterion, &subjects);
    reads::histories(criterion, &subjects);
    open::all(criterion, &subjects);
    events::all(criterion, &subjects);
    // Last, as they change what the reads above are checked against.
    commands::all(criterion, &subjects);
    drop(subjects);
    import::all(criterion);
}

criterion_group!(benches, inbox);
criterion_main!(benches);
