//! The program of `benches/instructions`: it makes the calls of one case on an inbox of 100,000
//! conversations under callgrind, which counts instructions only within [`counted`].
//!
//! `instructions generate DIRECTORY` creates the inbox, once and at full speed, without views and with some.
//! `instructions file CASE` prints which of these files a case needs. `instructions run CASE FILE` opens it,
//! warms up, makes the calls of the case, and prints the number of its operations; it changes the file. As
//! a benchmark (`cargo bench`, also with `--test`) every case runs once, on a small inbox.
//!
//! Counts are reproducible: times and ids are functions of the number of the command, the file is the
//! same each time, and no checkpoint runs while commands are counted. Each command is about another
//! conversation, so the pages of redb are read from the file when they are first used.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a count of a store that fails is no result; the script reads standard output"
)]

#[expect(dead_code, reason = "the benchmarks use more of it")]
mod generate;

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chrono::DateTime;
use convodb::commands::{Edit, React, ReceiveMessage};
use convodb::prelude::*;
use convodb::testing::SeededIds;
use convodb::{
    AssigneeId, Attachment, Channel, ContactId, Content, Conversation, ConversationId, Filter,
    Inbound, MediaKind, Options, PageRequest, Pending, Priority, Sort, Status, TagFilter, UserId,
    ViewId,
};

use generate::{History, TEXT};

const CONVERSATIONS: u64 = 100_000;
/// 2100-01-01T00:00:00Z: after everything that is generated.
const LATER_US: i64 = 4_102_444_800_000_000;
/// Two users without generated conversations.
const AGENTS: [&str; 2] = ["usr_even", "usr_odd"];
const GROUP: usize = 16;

/// Fewer than the 2,000 commands that start a checkpoint. The memtable is nearly as full as on average
/// while commands are counted.
const COMMANDS: Calls = Calls {
    warm_up: 256,
    counted: 1_024,
};
const READS: Calls = Calls {
    warm_up: 64,
    counted: 256,
};
/// A commit that follows the first one by a minute starts a checkpoint too.
const CHECKPOINT_AGE: Duration = Duration::from_secs(60);
/// Longer than most threads need from the barrier to their wait for the write lock.
const SETTLING: Duration = Duration::from_millis(5);

/// The number of operations of a case.
#[derive(Clone, Copy)]
struct Calls {
    warm_up: usize,
    counted: usize,
}

/// The views of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Views {
    None,
    /// Three that every open conversation is in.
    Three,
    /// Ten that no conversation of the cases is in.
    Ten,
}

impl Views {
    const ALL: [Self; 3] = [Self::None, Self::Three, Self::Ten];

    const fn file(self) -> &'static str {
        match self {
            Self::None => "inbox.redb",
            Self::Three => "three_views.redb",
            Self::Ten => "ten_views.redb",
        }
    }

    fn saved(self) -> Vec<(Filter, Sort)> {
        let whatsapp = || Filter::open().channel(Channel::Whatsapp);
        let vip = TagFilter {
            any: ["vip"].into_iter().collect(),
            ..TagFilter::default()
        };
        match self {
            Self::None => Vec::new(),
            // An append changes the order of each.
            Self::Three => vec![
                (Filter::open(), Sort::LatestActivity),
                (Filter::open(), Sort::EarliestActivity),
                (Filter::open(), Sort::Priority),
            ],
            // What they select is decided late: by what teams give, by an assignee, or by the status.
            Self::Ten => vec![
                (Filter::open().priority(Priority::Urgent), Sort::Priority),
                (
                    Filter::open().priority(Priority::High).waiting(true),
                    Sort::LongestWaiting,
                ),
                (whatsapp().priority(Priority::Low).unread(), Sort::Oldest),
                (Filter::open().tags(vip.clone()), Sort::LatestActivity),
                (Filter::all().tags(vip.clone()), Sort::Newest),
                (whatsapp().tags(vip), Sort::LongestWaiting),
                (Filter::open().snoozed(true), Sort::DueSoonest),
                (Filter::open().assigned_to(agent(0)), Sort::LongestWaiting),
                (
                    Filter::open().assigned_to(agent(0)).assigned_to(agent(1)),
                    Sort::Oldest,
                ),
                (Filter::resolved().read(), Sort::Newest),
            ],
        }
    }
}

/// A case: its name, its function, the number of its calls, and the views of its file.
type Case = (&'static str, fn(&Inbox, Calls) -> usize, Calls, Views);

const CASES: [Case; 14] = [
    ("append/1", append_alone, COMMANDS, Views::None),
    ("append/16", append_grouped, COMMANDS, Views::None),
    ("assign/1", assign, COMMANDS, Views::None),
    ("first/open", first_page, READS, Views::None),
    ("half/channel", half_of_a_channel, READS, Views::None),
    ("half/all", half_of_all, READS, Views::None),
    ("half/agent", half_of_an_agent, READS, Views::None),
    ("get/10", get, READS, Views::None),
    ("get/10/mixed", get_mixed, READS, Views::None),
    ("view/first", first_of_a_view, READS, Views::Three),
    ("view/half", half_of_a_view, READS, Views::Three),
    ("view/count", count_of_a_view, READS, Views::Three),
    (
        "append/in_three_views",
        append_in_views,
        COMMANDS,
        Views::Three,
    ),
    ("append/in_no_view", append_in_no_view, COMMANDS, Views::Ten),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["generate", directory] => generate_all(Path::new(directory), CONVERSATIONS),
        ["file", case] => println!("{}", find(case).3.file()),
        ["run", case, file] => {
            let (_, run, calls, _) = find(case);
            let inbox = Inbox::open(Path::new(file), CONVERSATIONS);
            println!("{}", run(&inbox, *calls));
        }
        // The arguments of criterion, which the other benchmark takes.
        _ => once(),
    }
}

fn find(case: &str) -> &'static Case {
    let found = CASES.iter().find(|(name, ..)| *name == case);
    found.unwrap_or_else(|| panic!("there is no case {case}"))
}

/// Runs every case and checks its results.
fn once() {
    const FEW: u64 = 2_000;
    let directory = tempfile::tempdir().unwrap();
    generate_all(directory.path(), FEW);
    let calls = Calls {
        warm_up: GROUP,
        counted: GROUP,
    };
    for (name, run, _, views) in CASES {
        let file = directory.path().join(views.file());
        assert_eq!(run(&Inbox::open(&file, FEW), calls), GROUP, "{name}");
    }
}

/// Callgrind counts what runs within it, on the thread that calls it.
#[inline(never)]
fn counted(operation: &mut dyn FnMut()) {
    operation();
    // Without this the call would be a jump.
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

/// Calls an operation a number of times. Its inputs and outputs are made, checked and dropped
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

/// Creates the files.
fn generate_all(directory: &Path, conversations: u64) {
    let file = |views: Views| directory.join(views.file());
    generate(&file(Views::None), conversations);
    for views in Views::ALL.into_iter().filter(|it| *it != Views::None) {
        std::fs::copy(file(Views::None), file(views)).unwrap();
        save_views(&file(views), views);
    }
}

/// Saves the views, and waits until their lists are complete.
fn save_views(file: &Path, views: Views) {
    let store = options().create(false).open(file).unwrap();
    for (number, (filter, sort)) in views.saved().into_iter().enumerate() {
        store
            .save_view(&view(number), "View", filter, sort)
            .unwrap();
    }
    while store
        .views()
        .unwrap()
        .iter()
        .any(|it| it.building.is_some())
    {
        thread::sleep(SETTLING);
    }
    store.compact().unwrap();
    store.close().unwrap();
}

fn view(number: usize) -> ViewId {
    ViewId::new(&format!("view_{number}")).unwrap()
}

fn agent(number: usize) -> AssigneeId {
    UserId::new(AGENTS[number]).unwrap().into()
}

/// Creates the file, compacted and closed. An import writes its tables in parallel, so that the layout
/// of its pages varies.
fn generate(file: &Path, conversations: u64) {
    let store = options().open(file).unwrap();
    let imports = generate::imports(conversations, History::Mixed);
    assert_eq!(store.import_all(imports).unwrap().value, conversations);
    for agent in AGENTS {
        store
            .save_user(&UserId::new(agent).unwrap(), "Agent")
            .unwrap();
    }
    store.compact().unwrap();
    store.close().unwrap();
}

/// The clock advances by a millisecond with each command, and ids are seeded.
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
    /// The conversation with ten messages.
    ten: ConversationId,
    /// The first of the open conversations, in no order: each is on another page of the file.
    open: Vec<Conversation>,
    opened: Instant,
}

impl Inbox {
    fn open(file: &Path, conversations: u64) -> Self {
        let store = options().create(false).open(file);
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

    /// No checkpoint ran while commands were counted.
    fn assert_no_checkpoint(&self) {
        let took = self.opened.elapsed();
        assert!(took < CHECKPOINT_AGE, "a checkpoint started: {took:?}");
    }
}

fn append_alone(inbox: &Inbox, times: Calls) -> usize {
    let done = each(
        times,
        |turn| inbox.inbound(turn),
        |inbound| inbox.store.receive(inbound).unwrap(),
        |received| assert!(received.effect.changed && !received.effect.created),
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

/// Appends these messages in one group. While a transaction has the write lock, one thread waits with
/// the first message and another submits the others. The first thread then leads all of them. The
/// count includes its work, the submissions and the reading of the outcomes: it is that of sixteen
/// threads with a message each, to 0.2 %.
fn append_group(store: &Store, mut inbounds: Vec<Inbound>, is_counted: bool) {
    let before = store.commit_seq().unwrap();
    let others = inbounds.split_off(1);
    let meeting = Barrier::new(2);
    let leads = || {
        meeting.wait();
        let first = inbounds.pop().unwrap();
        call(is_counted, first, |first| store.receive(first).unwrap())
    };
    let submits = || {
        let submit = |message| store.submit(ReceiveMessage { message });
        let others = others.into_iter();
        others
            .map(|other| call(is_counted, other, submit))
            .collect()
    };
    thread::scope(|scope| {
        let queued = store.transaction(|_| {
            let leader = scope.spawn(leads);
            meeting.wait();
            thread::sleep(SETTLING);
            let submitted: Vec<_> = scope.spawn(submits).join().unwrap();
            Ok::<_, convodb::Error>((leader, submitted))
        });
        let (leader, submitted) = queued.unwrap();
        let mut outcomes = vec![leader.join().unwrap()];
        let wait = |pending: Pending<_>| pending.wait().unwrap();
        outcomes.extend(submitted.into_iter().map(|one| call(is_counted, one, wait)));
        for received in outcomes {
            assert!(received.effect.changed && !received.effect.created);
            assert_eq!(received.commit, Some(before.next()), "several commits");
        }
    });
}

/// Alternately for two agents, who have none of the conversations before.
fn assign(inbox: &Inbox, times: Calls) -> usize {
    let agents = [agent(0), agent(1)];
    let done = each(
        times,
        |turn| (inbox.nth(turn).id, &agents[turn % agents.len()]),
        |(id, agent)| inbox.store.assign(id, agent).unwrap(),
        |assigned| assert!(assigned.effect.changed),
    );
    inbox.assert_no_checkpoint();
    done
}

/// Each moves its conversation in every view, once.
fn append_in_views(inbox: &Inbox, times: Calls) -> usize {
    append_in(inbox, times, times.warm_up + times.counted)
}

fn append_in_no_view(inbox: &Inbox, times: Calls) -> usize {
    append_in(inbox, times, 0)
}

/// Appends, which is to write so many rows of each view.
fn append_in(inbox: &Inbox, times: Calls, rows: usize) -> usize {
    let done = append_alone(inbox, times);
    for view in inbox.store.stats().unwrap().views {
        assert_eq!(view.writes, rows as u64, "{}", view.id);
    }
    done
}

fn first_page(inbox: &Inbox, times: Calls) -> usize {
    first(inbox, times, &Filter::open())
}

fn first_of_a_view(inbox: &Inbox, times: Calls) -> usize {
    first(inbox, times, &Filter::view(view(0)))
}

fn first(inbox: &Inbox, times: Calls, filter: &Filter) -> usize {
    each(
        times,
        |_| PageRequest::number(1, 20).unwrap(),
        |page| inbox.store.list(filter, page).unwrap(),
        |page| assert!(page.data.len() == 20 && page.total > 20),
    )
}

fn count_of_a_view(inbox: &Inbox, times: Calls) -> usize {
    let filter = Filter::view(view(0));
    each(
        times,
        |_| (),
        |()| inbox.store.count(&filter).unwrap(),
        |count| assert!(count > 20),
    )
}

/// Pages around the middle of one partition.
fn half_of_a_channel(inbox: &Inbox, times: Calls) -> usize {
    middle(inbox, times, &Filter::resolved().channel(Channel::Whatsapp))
}

/// Of eight that a union counts.
fn half_of_all(inbox: &Inbox, times: Calls) -> usize {
    middle(inbox, times, &Filter::all())
}

/// Of sixteen, which four unions count.
fn half_of_an_agent(inbox: &Inbox, times: Calls) -> usize {
    let [first, second] = [0, 1].map(generate::team);
    let agent = Filter::open().unassigned().assigned_to(generate::user(0));
    middle(inbox, times, &agent.assigned_to(first).assigned_to(second))
}

fn half_of_a_view(inbox: &Inbox, times: Calls) -> usize {
    middle(inbox, times, &Filter::view(view(0)))
}

fn middle(inbox: &Inbox, times: Calls, filter: &Filter) -> usize {
    let pages = inbox.store.count(filter).unwrap() / 20;
    let around = pages.min(256);
    let first = 1 + (pages - around) / 2;
    each(
        times,
        |turn| PageRequest::number(first + turn as u64 % around, 20).unwrap(),
        |page| inbox.store.list(filter, page).unwrap(),
        |page| assert_eq!(page.data.len(), 20),
    )
}

fn get(inbox: &Inbox, times: Calls) -> usize {
    each(
        times,
        |_| inbox.ten,
        |id| inbox.store.transcript(id).unwrap(),
        |transcript| assert_eq!(transcript.messages.len(), 10),
    )
}

/// A thread as customers write them: half of its messages are plain texts.
fn get_mixed(inbox: &Inbox, times: Calls) -> usize {
    let contact = ContactId::new("con_mixed").unwrap();
    let voice = Attachment::media_id(MediaKind::Audio, "1088200456702");
    let album = Content::image("https://example.com/1.jpg").attach(Attachment::url(
        MediaKind::Image,
        "https://example.com/2.jpg",
    ));
    let contents = [
        Content::media(voice),
        album,
        Content::image("https://example.com/3.jpg"),
    ];
    let texts = (0..7).map(|_| Content::text(TEXT));
    let mut received = Vec::new();
    for content in contents.into_iter().chain(texts) {
        let inbound = Inbound::new(&contact, Channel::Whatsapp, content);
        received.push(inbox.store.receive(inbound).unwrap().value);
    }
    inbox.store.react(React::new(&received[4], "❤")).unwrap();
    inbox
        .store
        .edit(Edit::new(&received[5], "Corrected"))
        .unwrap();
    inbox.store.checkpoint().unwrap();
    each(
        times,
        |_| received[0].conversation_id,
        |id| inbox.store.transcript(id).unwrap(),
        |transcript| assert_eq!(transcript.messages.len(), 10),
    )
}
