//! Single commands, each durable when it returns, compared with a durable commit of as many rows.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use convodb::prelude::*;
use convodb::{AssigneeId, Conversation, EventSeq, Filter, Inbound, Status, UserId};
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion};

use crate::Subject;
use crate::generate::TEXT;
use crate::raw::{self, Writes};

/// 2100-01-01T00:00:00Z: after everything that is generated.
const LATER_US: i64 = 4_102_444_800_000_000;

type Group<'c> = BenchmarkGroup<'c, WallTime>;

pub(crate) fn all(criterion: &mut Criterion, subjects: &[Subject]) {
    let mut group = criterion.benchmark_group("command");
    // Each has a sync, whose time varies more than that of the store.
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(2));
    for subject in subjects {
        let open = Rotation::new(subject);
        append(&mut group, &open);
        print_shares(&open);
        assign(&mut group, &open);
        note(&mut group, &open);
        resolve(&mut group, &open);
    }
    group.finish();
}

/// The open conversations of an inbox in turn, so that no page of the file stays the hot one.
struct Rotation<'s> {
    subject: &'s Subject,
    open: Vec<&'s Conversation>,
    turn: Cell<usize>,
    /// The time of the last activity of each in redb.
    raw_us: RefCell<Vec<i64>>,
}

impl<'s> Rotation<'s> {
    fn new(subject: &'s Subject) -> Self {
        let conversations = subject.conversations.iter();
        let open: Vec<_> = conversations
            .filter(|conversation| conversation.status == Status::Open)
            .collect();
        let raw_us = open.iter().map(|one| one.updated_at.timestamp_micros());
        Self {
            subject,
            raw_us: RefCell::new(raw_us.collect()),
            turn: Cell::new(0),
            open,
        }
    }

    /// The next conversation, and how many came before it.
    fn next(&self) -> (&'s Conversation, usize) {
        let turn = self.turn.replace(self.turn.get() + 1);
        (self.open[turn % self.open.len()], turn)
    }

    fn id(&self, case: &str, engine: &str) -> BenchmarkId {
        BenchmarkId::new(format!("{case}/{}", self.subject.size.name), engine)
    }

    /// Measures redb with as many rows as the command writes.
    fn bench_raw(&self, group: &mut Group<'_>, case: &str, writes: Writes) {
        group.bench_function(self.id(case, "redb"), |bencher| {
            bencher.iter(|| self.write_raw(writes));
        });
    }

    fn write_raw(&self, writes: Writes) {
        let (conversation, turn) = self.next();
        let new_us = LATER_US + i64::try_from(turn).unwrap();
        let last_us = &mut self.raw_us.borrow_mut()[turn % self.open.len()];
        let old_us = std::mem::replace(last_us, new_us);
        self.subject
            .raw
            .command(conversation, (old_us, new_us), writes);
    }

    /// A message to the next conversation, and how many came before it.
    fn inbound(&self) -> (Inbound, usize) {
        let (to, turn) = self.next();
        (Inbound::text(&to.contact_id, to.channel, TEXT), turn)
    }

    /// The same with a unique provider id, as long as that of a real provider.
    fn provided(&self) -> Inbound {
        let (inbound, turn) = self.inbound();
        inbound.provider_id(format!("wamid.HBgNNDkxNTEyMzQ1Njc4ORUCABIYFDNB{turn:016X}"))
    }
}

/// The rows that the store writes for an append without a provider id.
const APPEND: Writes = Writes {
    history: Some(raw::MESSAGES),
    totals: 0,
    ids: 0,
    events: 1,
};

fn append(group: &mut Group<'_>, open: &Rotation<'_>) {
    let store = &open.subject.store;
    let receive = || store.receive(open.inbound().0).unwrap();
    let received = receive();
    let last = store
        .last_messages(&[received.value.conversation_id])
        .unwrap();
    assert_eq!(last, [Some(received.value)]);
    let newest = store.stats().unwrap().newest_event;
    let before = EventSeq::new(newest.get() - 1);
    let event = &store.events(before, 1).unwrap()[0];
    assert_eq!(event.kind.as_str(), "message.received");

    group.bench_function(open.id("append", "convodb"), |bencher| {
        bencher.iter(receive)
    });
    open.bench_raw(group, "append", APPEND);

    let receive = || store.receive(open.provided()).unwrap();
    assert!(receive().value.provider_id.is_some());
    group.bench_function(open.id("append_provided", "convodb"), |bencher| {
        bencher.iter(receive)
    });
    open.bench_raw(group, "append_provided", Writes { ids: 1, ..APPEND });
}

/// Prints the cost of a provider id and of the event in an append. The goal is 1.4 times the time
/// without either. The store writes an event with every append, so the cost of the event is measured in
/// redb. The kinds take turns, so that the variation of the disk affects all of them.
#[expect(clippy::print_stdout, reason = "criterion prints no ratios")]
fn print_shares(open: &Rotation<'_>) {
    const ROUNDS: usize = 400;
    if crate::is_test() {
        return;
    }
    let store = &open.subject.store;
    let bare = Writes {
        events: 0,
        ..APPEND
    };
    let full = Writes { ids: 1, ..APPEND };
    let kinds: [&dyn Fn(); 5] = [
        &|| drop(store.receive(open.inbound().0).unwrap()),
        &|| drop(store.receive(open.provided()).unwrap()),
        &|| open.write_raw(bare),
        &|| open.write_raw(APPEND),
        &|| open.write_raw(full),
    ];
    let mut taken = kinds.map(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for (kind, taken) in kinds.iter().zip(&mut taken) {
            let begun = Instant::now();
            kind();
            taken.push(begun.elapsed().as_secs_f64());
        }
    }
    let [plain, provided, bare, event, full] = taken.map(|mut taken| {
        taken.sort_by(f64::total_cmp);
        taken[ROUNDS / 2]
    });
    println!(
        "command/append/{}: with a provider id {:.2} times the append without; its rows in redb \
         {:.2} times with the event, {:.2} times with event and id",
        open.subject.size.name,
        provided / plain,
        event / bare,
        full / bare,
    );
}

fn assign(group: &mut Group<'_>, open: &Rotation<'_>) {
    let store = &open.subject.store;
    // Two users without generated conversations in turn, so that each call changes something.
    let agents = ["usr_even", "usr_odd"].map(|id| UserId::new(id).unwrap());
    for agent in &agents {
        store.save_user(agent, "Agent").unwrap();
    }
    let agents = agents.map(AssigneeId::from);
    let assign = || {
        let (conversation, turn) = open.next();
        let agent = &agents[turn / open.open.len() % 2];
        store.assign(conversation.id, agent).unwrap()
    };
    let assigned = assign();
    assert!(assigned.effect.changed);
    let theirs = agents.iter().fold(Filter::open(), Filter::assigned_to);
    assert_eq!(store.count(&theirs).unwrap(), 1);

    group.bench_function(open.id("assign", "convodb"), |bencher| bencher.iter(assign));
    let writes = Writes {
        history: None,
        totals: 2,
        ids: 0,
        events: 2,
    };
    open.bench_raw(group, "assign", writes);
}

fn note(group: &mut Group<'_>, open: &Rotation<'_>) {
    let store = &open.subject.store;
    let add = || store.add_note(open.next().0.id, TEXT).unwrap();
    let added = add().value;
    let notes: Vec<_> = store.notes(added.conversation_id).unwrap().collect();
    assert_eq!(notes.into_iter().next().unwrap().unwrap(), added);

    group.bench_function(open.id("note", "convodb"), |bencher| bencher.iter(add));
    let writes = Writes {
        history: Some(raw::NOTES),
        totals: 0,
        ids: 0,
        events: 1,
    };
    open.bench_raw(group, "note", writes);
}

fn resolve(group: &mut Group<'_>, open: &Rotation<'_>) {
    let store = &open.subject.store;
    let first = open.turn.get();
    let still_open = || {
        let (conversation, turn) = open.next();
        if turn - first >= open.open.len() {
            store.reply(conversation.id, TEXT).unwrap();
        }
        conversation.id
    };
    let before = store.count(&Filter::open()).unwrap();
    assert!(store.resolve(still_open()).unwrap().effect.changed);
    assert_eq!(store.count(&Filter::open()).unwrap(), before - 1);

    group.bench_function(open.id("resolve", "convodb"), |bencher| {
        bencher.iter_batched(
            still_open,
            |id| store.resolve(id).unwrap(),
            BatchSize::PerIteration,
        );
    });
    let writes = Writes {
        history: None,
        totals: 4,
        ids: 0,
        events: 2,
    };
    open.bench_raw(group, "resolve", writes);
}
