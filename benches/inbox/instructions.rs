//! What `benches/instructions` counts: the calls of one case on an inbox of 100,000 conversations,
//! run under callgrind, which collects only within [`counted`].
//!
//! `instructions generate FILE` makes the inbox, once and at full speed. `instructions run CASE FILE`
//! opens it, warms up, makes the case's calls, and prints how many operations they were; it changes
//! the file. As a bench (`cargo bench`, also with `--test`) every case runs once, on a small inbox.
//!
//! Counts repeat as little is left to chance: times and ids follow from the number of the command, the
//! file is the same each time, and no checkpoint comes while commands are counted. The engine's pages
//! are read from the file as they are first met, as each command is of another conversation.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a count whose engine fails is none; the script reads what is printed"
)]

#[expect(dead_code, reason = "the benches beside it take more of it")]
mod generate;

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chrono::DateTime;
use convodb::testing::SeededIds;
use convodb::{
    AssigneeId, Check, Conversation, ConversationId, Filter, Inbound, Options, PageRequest, Status,
    Store, UserId,
};

use generate::{History, TEXT};

const CONVERSATIONS: u64 = 100_000;
/// 2100-01-01T00:00:00Z: after everything that was generated.
const LATER_US: i64 = 4_102_444_800_000_000;
/// Two whom no generated conversation has.
const AGENTS: [&str; 2] = ["usr_even", "usr_odd"];
const GROUP: usize = 16;

/// Together fewer than the 2,000 that make a checkpoint due; those that are counted meet a memtable that
/// is nearly as full as it is on average.
const COMMANDS: Calls = Calls {
    warm_up: 256,
    counted: 1_024,
};
const READS: Calls = Calls {
    warm_up: 64,
    counted: 256,
};
/// A commit that comes a minute behind the first begins a checkpoint too.
const CHECKPOINT_AGE: Duration = Duration::from_secs(60);
/// What a thread mostly takes from saying that it gives its command to its waiting for the writer, so
/// that they wait in order.
const SETTLING: Duration = Duration::from_millis(5);

/// How many operations a case makes.
#[derive(Clone, Copy)]
struct Calls {
    warm_up: usize,
    counted: usize,
}

/// The case of that name, and how often it is called.
type Case = (&'static str, fn(&Inbox, Calls) -> usize, Calls);

const CASES: [Case; 5] = [
    ("append/1", append_alone, COMMANDS),
    ("append/16", append_grouped, COMMANDS),
    ("assign/1", assign, COMMANDS),
    ("first/open", first_page, READS),
    ("get/10", get, READS),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["generate", file] => generate(Path::new(file), CONVERSATIONS),
        ["run", case, file] => {
            let found = CASES.iter().find(|(name, ..)| *name == case);
            let (_, run, calls) = found.unwrap_or_else(|| panic!("there is no case {case}"));
            println!(
                "{}",
                run(&Inbox::open(Path::new(file), CONVERSATIONS), *calls)
            );
        }
        // Whatever else criterion's benches are given beside it.
        _ => once(),
    }
}

/// Every case, to see that it does what it says.
fn once() {
    const FEW: u64 = 500;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("inbox.redb");
    generate(&file, FEW);
    let calls = Calls {
        warm_up: GROUP,
        counted: GROUP,
    };
    for (name, run, _) in CASES {
        assert_eq!(run(&Inbox::open(&file, FEW), calls), GROUP, "{name}");
    }
}

/// All that is collected, with what it calls; in the thread that calls it alone.
#[inline(never)]
fn counted(operation: &mut dyn FnMut()) {
    operation();
    // Something is left to do, so that the operation is called and not jumped to.
    std::hint::black_box(());
}

fn call<I, O>(is_counted: bool, input: I, operation: impl FnOnce(I) -> O) -> O {
    let mut given = Some((input, operation));
    let mut output = None;
    let mut call = || output = given.take().map(|(input, operation)| operation(input));
    if is_counted {
        counted(&mut call);
    } else {
        call();
    }
    output.unwrap()
}

/// Calls an operation so often, one by one; what goes in and comes out is made, looked at and dropped
/// uncounted.
fn each<I, O>(
    times: Calls,
    input: impl Fn(usize) -> I,
    operation: impl Fn(I) -> O,
    check: impl Fn(O),
) -> usize {
    for turn in 0..times.warm_up + times.counted {
        check(call(turn >= times.warm_up, input(turn), &operation));
    }
    times.counted
}

/// Closed, and packed: an import writes its tables side by side, and never lays out pages twice the same.
fn generate(file: &Path, conversations: u64) {
    let store = options().open(file).unwrap();
    let imports = generate::imports(conversations, History::Mixed);
    assert_eq!(store.import_all(imports).unwrap(), conversations);
    for agent in AGENTS {
        store
            .put_user(&UserId::new(agent).unwrap(), "Agent")
            .unwrap();
    }
    store.compact().unwrap();
    store.close().unwrap();
}

/// The time goes on by a millisecond with each command, and ids follow from a seed.
fn options() -> Options {
    let now_us = AtomicI64::new(LATER_US);
    let clock = move || {
        let now_us = now_us.fetch_add(1_000, Ordering::Relaxed);
        DateTime::from_timestamp_micros(now_us).unwrap()
    };
    Options::new().clock(clock).ids(SeededIds::new(16))
}

struct Inbox {
    store: Store,
    /// The one with ten messages.
    ten: ConversationId,
    /// The first of those that are open, in no order: each is of another page.
    open: Vec<Conversation>,
    opened: Instant,
}

impl Inbox {
    fn open(file: &Path, conversations: u64) -> Self {
        let store = options().create(false).check(Check::Never).open(file);
        let mut generated = generate::imports(conversations, History::Mixed)
            .map(|import| import.conversation)
            .peekable();
        let ten = generated.peek().unwrap().id;
        let open = generated.filter(|conversation| conversation.status == Status::Open);
        Self {
            store: store.unwrap(),
            ten,
            open: open.take(COMMANDS.warm_up + COMMANDS.counted).collect(),
            opened: Instant::now(),
        }
    }

    fn nth(&self, turn: usize) -> &Conversation {
        &self.open[turn % self.open.len()]
    }

    fn inbound(&self, turn: usize) -> Inbound {
        let to = self.nth(turn);
        Inbound::text(&to.contact_id, to.channel, TEXT)
    }

    /// What was counted was no checkpoint's, nor beside one.
    fn assert_no_checkpoint(&self) {
        let took = self.opened.elapsed();
        assert!(took < CHECKPOINT_AGE, "a checkpoint came: {took:?}");
    }
}

fn append_alone(inbox: &Inbox, times: Calls) -> usize {
    let done = each(
        times,
        |turn| inbox.inbound(turn),
        |inbound| inbox.store.receive(inbound).unwrap(),
        |received| assert!(received.changed && !received.created),
    );
    inbox.assert_no_checkpoint();
    done
}

fn append_grouped(inbox: &Inbox, times: Calls) -> usize {
    for first in (0..times.warm_up + times.counted).step_by(GROUP) {
        let inbounds = (first..first + GROUP).map(|turn| inbox.inbound(turn));
        append_group(&inbox.store, inbounds.collect(), first >= times.warm_up);
    }
    inbox.assert_no_checkpoint();
    times.counted
}

/// Has these appended in one group: each is given by a thread of its own while a transaction has the
/// writer, and the first of them leads. Waiting takes no instructions, so what is counted in all of the
/// threads is what the leader does, and what it takes to give it the commands.
fn append_group(store: &Store, inbounds: Vec<Inbound>, is_counted: bool) {
    let before = store.sequence().unwrap();
    let meeting = Barrier::new(2);
    thread::scope(|scope| {
        let callers = store.transaction(|_| {
            let callers = inbounds.into_iter().map(|inbound| {
                let caller = scope.spawn(|| {
                    meeting.wait();
                    call(is_counted, inbound, |inbound| {
                        store.receive(inbound).unwrap()
                    })
                });
                meeting.wait();
                thread::sleep(SETTLING);
                caller
            });
            let callers: Vec<_> = callers.collect();
            // Behind the last of them nobody comes, so there is more to lose.
            thread::sleep(SETTLING * 10);
            Ok::<_, convodb::Error>(callers)
        });
        for caller in callers.unwrap() {
            let received = caller.join().unwrap();
            assert!(received.changed && !received.created);
            assert_eq!(received.sequence, before + 1, "they were not one group");
        }
    });
}

/// Alternately for two agents, each of whom has none of the conversations before.
fn assign(inbox: &Inbox, times: Calls) -> usize {
    let agents = AGENTS.map(|agent| AssigneeId::from(UserId::new(agent).unwrap()));
    let done = each(
        times,
        |turn| (inbox.nth(turn).id, &agents[turn % agents.len()]),
        |(id, agent)| inbox.store.assign(id, agent).unwrap(),
        |assigned| assert!(assigned.changed),
    );
    inbox.assert_no_checkpoint();
    done
}

fn first_page(inbox: &Inbox, times: Calls) -> usize {
    let open = Filter::open();
    each(
        times,
        |_| PageRequest::new(1, 20).unwrap(),
        |page| inbox.store.list(&open, page).unwrap(),
        |page| assert!(page.data.len() == 20 && page.total > 20),
    )
}

fn get(inbox: &Inbox, times: Calls) -> usize {
    each(
        times,
        |_| inbox.ten,
        |id| inbox.store.get(id).unwrap(),
        |thread| assert_eq!(thread.messages.len(), 10),
    )
}
