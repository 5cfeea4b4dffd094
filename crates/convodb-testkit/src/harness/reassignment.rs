//! A user with many conversations is removed while other threads write: their longest wait, and the
//! time until every conversation is stored under the successor. No call fails, and at every moment each
//! conversation has an assignee.
//!
//! The longest wait is reported beside the longest of an equally long time without a removal: a sync
//! takes as long as the disk does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use convodb::prelude::*;
use convodb::{
    AssigneeId, Channel, ContactId, Content, Context, Conversation, ConversationId, Direction,
    Error, ErrorKind, Filter, Import, Inbound, Message, MessageId, Options, Result, Sort, UserId,
};

use super::random::Random;
use super::report::{Breach, Progress, Report};
use super::views;
use crate::fixture::EndsOthers;
use crate::op;
use crate::views::view_id;

const WRITERS: u64 = 4;
/// How often it is looked at whether all is done: the look reads every page of the file.
const LOOK: Duration = Duration::from_millis(250);

/// What goes wrong beside, for the harness to flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Nothing.
    None,
    /// No conversation is reassigned in the background.
    Idle,
}

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    /// So many are reassigned, beside a tenth as many of another user.
    pub conversations: u64,
    /// It hangs if all are not reassigned by then.
    pub limit: Duration,
    pub control: Control,
}

/// What all threads share.
struct Run<'a> {
    plan: Plan,
    store: &'a Store,
    ends: AtomicBool,
}

/// The removed user, its successor, and another one.
fn users() -> [UserId; 3] {
    ["usr_leaving", "usr_successor", "usr_other"].map(|id| UserId::new(id).unwrap())
}

fn id(number: u64) -> ConversationId {
    ConversationId::from_parts(1_600_000_000_000, number.into())
}

fn address(number: u64) -> (ContactId, Channel) {
    let contact = ContactId::new(&format!("con_{number}")).unwrap();
    (contact, Channel::ALL[(number % 4) as usize])
}

/// Removes the user, and looks on.
pub fn run(plan: Plan, progress: &dyn Progress) -> Report {
    let mut report = Report::new(&[Breach::Failed, Breach::Torn, Breach::Hung]);
    let directory = tempfile::tempdir().unwrap();
    let options = match plan.control {
        Control::None => Options::new(),
        Control::Idle => Options::new().reassign_by_hand(),
    };
    let store = options.open(directory.path().join("inbox.redb")).unwrap();
    import(&store, plan.conversations);
    save_views(&store).unwrap();
    let run = Run {
        plan,
        store: &store,
        ends: AtomicBool::new(false),
    };
    let mut took = (Duration::ZERO, Duration::ZERO);
    let during = among_writers(&run, &mut report, |report| {
        took = remove(&run, progress, report);
    });
    report.tried("conversations", plan.conversations);
    report.tried("commands", during.len() as u64);
    let (removal, whole) = took;
    let behind = among_writers(&run, &mut report, |_| thread::sleep(whole));
    report.note(format!(
        "the longest command took {}; behind it, {}; the removal took {removal:.1?}, until all \
         were reassigned {whole:.1?}",
        printed(&during),
        printed(&behind),
    ));
    check(&run, &mut report);
    report
}

/// Of every status and channel, with a message each, some unread.
fn import(store: &Store, count: u64) {
    let [leaving, successor, other] = users();
    for user in [&leaving, &successor, &other] {
        store.save_user(user, "Somebody").unwrap();
    }
    let (leaving, other) = (AssigneeId::from(leaving), AssigneeId::from(other));
    let begun = DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
    let imports = (0..count + count / 10).map(|number| {
        let (contact, channel) = address(number);
        let at = begun + TimeDelta::milliseconds((number * 7_919 % count) as i64 * 60);
        let of_its_time = MessageId::from_parts(at.timestamp_millis() as u64, number.into());
        let text = Content::text("Where is my order?");
        let message = Message::new(of_its_time, id(number), Direction::Inbound, text, at);
        let mut conversation = Conversation::new(id(number), contact, channel, at);
        conversation.status = op::status(number % 3 > 0);
        conversation.unread_count = u64::from(number % 5 == 0);
        let owner = if number < count { &leaving } else { &other };
        conversation.assigned_to = store.assignee(owner).ok();
        Import::new(conversation, vec![message])
    });
    store.import_all(imports).unwrap();
}

/// Of them one is built anew when the user is removed.
fn save_views(store: &Store) -> Result<()> {
    views::save(store, 0)?;
    let [leaving, successor, _] = users();
    let filter = Filter::all()
        .assigned_to(leaving)
        .assigned_to(successor)
        .read();
    store.save_view(&view_id(2), "The successor's", filter, Sort::Priority)?;
    Ok(())
}

/// The longest of all, and of all but the slowest in a hundred and in two.
fn printed(sorted: &[Duration]) -> String {
    let of_hundred = |percent| sorted.get(sorted.len() * percent / 100).copied();
    let [half, most] = [50, 99].map(|percent| of_hundred(percent).unwrap_or_default());
    let longest = sorted.last().copied().unwrap_or_default();
    format!("{longest:.1?} (p99 {most:.1?}, p50 {half:.1?})")
}

/// Does something while others write; how long each of their commands took, the shortest first.
fn among_writers(
    run: &Run<'_>,
    report: &mut Report,
    work: impl FnOnce(&mut Report),
) -> Vec<Duration> {
    run.ends.store(false, Ordering::SeqCst);
    let written: Vec<_> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| scope.spawn(move || write(run, number)))
            .collect();
        let ends = EndsOthers(&run.ends);
        work(report);
        drop(ends);
        let joined = writers.into_iter().map(|writer| writer.join().unwrap());
        joined.collect()
    });
    let mut taken = Vec::new();
    for written in written {
        match written {
            Ok(those) => taken.extend(those),
            Err(error) => report.found(Breach::Failed, || format!("{error:?}")),
        }
    }
    taken.sort_unstable();
    taken
}

/// Gives commands until the run ends, or one fails; how long each took.
fn write(run: &Run<'_>, number: u64) -> Result<Vec<Duration>> {
    let mut random = Random::new(run.plan.seed * 1_000 + number);
    let mut taken = Vec::new();
    while !run.ends.load(Ordering::Relaxed) {
        let begun = Instant::now();
        command(run, &mut random)?;
        taken.push(begun.elapsed());
    }
    Ok(taken)
}

/// One in ten on conversations that are not reassigned.
fn command(run: &Run<'_>, random: &mut Random) -> Result<()> {
    let (store, count) = (run.store, run.plan.conversations);
    let number = random.below(count + count / 10);
    let [_, successor, other] = users();
    let (contact, channel) = address(number);
    match random.below(8) {
        0..3 => {
            let hello = Inbound::text(&contact, channel, "Hello?");
            store.receive(hello).map(drop)
        }
        3 => store.reply(id(number), "One moment.").map(drop),
        4 => store.resolve(id(number)).map(drop),
        5 => store.mark_read(id(number), 1).map(drop),
        6 => {
            let (successor, other) = (AssigneeId::from(successor), AssigneeId::from(other));
            let expected = store.with(Context::new().if_assignee(Some(successor)));
            let assigned = expected.assign(id(number), &other);
            assigned.map(drop).or_else(lost_race)
        }
        _ => store.add_note(id(number), "Called back.").map(drop),
    }
}

/// Another user has it: that is an answer, and no failure.
fn lost_race(error: Error) -> Result<()> {
    match error.kind() {
        ErrorKind::PreconditionFailed => Ok(()),
        _ => Err(error),
    }
}

/// Removes the user, and waits until no conversation is left to be reassigned: what each took.
fn remove(run: &Run<'_>, progress: &dyn Progress, report: &mut Report) -> (Duration, Duration) {
    let begun = Instant::now();
    let [leaving, successor, _] = users();
    let (leaving, successor) = (AssigneeId::from(leaving), AssigneeId::from(successor));
    let removed = run.store.remove_assignee(&leaving, Some(&successor));
    let removed_in = begun.elapsed();
    if let Err(error) = removed {
        report.found(Breach::Failed, || format!("{error:?}"));
        return (removed_in, removed_in);
    }
    loop {
        whole(run, report);
        let left = run.store.stats().unwrap().to_reassign;
        progress.at(
            run.plan.conversations - left.min(run.plan.conversations),
            run.plan.conversations,
        );
        let elapsed = begun.elapsed();
        if left == 0 {
            return (removed_in, elapsed);
        }
        if elapsed > run.plan.limit {
            report.found(Breach::Hung, || format!("{left} are not reassigned yet"));
            return (removed_in, elapsed);
        }
        thread::sleep(LOOK.min(run.plan.limit / 4));
    }
}

/// Every conversation has an assignee, and none has the removed one.
fn whole(run: &Run<'_>, report: &mut Report) {
    let [leaving, successor, other] = users();
    let of = |user| Filter::all().assigned_to(user);
    let counts = run.store.counts(&[
        of(leaving),
        of(successor.clone()),
        of(other.clone()),
        of(successor).assigned_to(other),
        Filter::all(),
    ]);
    let Ok([none, successors, others, both, all]) = counts.as_deref() else {
        return report.found(Breach::Failed, || format!("{counts:?}"));
    };
    if *none > 0 || successors + others != *both || both != all {
        report.found(Breach::Torn, || format!("{counts:?}"));
    }
}

fn check(run: &Run<'_>, report: &mut Report) {
    whole(run, report);
    if run.plan.control == Control::None {
        views::check(run.store, report);
    }
    let verified = run.store.verify().unwrap();
    if !verified.is_clean() {
        report.found(Breach::Torn, || format!("{:?}", verified.findings));
    }
}
