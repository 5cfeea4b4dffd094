//! The writer of a process: runs the commands that wait together in one unit of work, and tries again where
//! others changed what they rest on, or where the connection was lost.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use convodb_core::{Command, CommitSeq, Error, ErrorKind, Key, Outcome, Result};
use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::counts;
use crate::error::Remedy;
use crate::fault::{Done, Fault};
use crate::numbering::Numbering;
use crate::session::Statement;
use crate::store::Shared;
use crate::unit::{Given, Unit};

/// More commands do not make a commit cheaper.
const MOST: usize = 64;

/// So many groups are under way at once: one is loaded and decided while another one is written.
const AT_ONCE: usize = 2;

/// A group begins beside another one if so many commands wait: fewer cost a commit of their own and gain nothing.
const ENOUGH: usize = 16;

/// So many commands are looked at for the next group.
const MOST_SEEN: usize = 4 * MOST;

/// After so many conflicts a unit runs while no other one does.
const MOST_CONFLICTS: u32 = 5;

type Running<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A command that waits, whatever its type.
pub(crate) trait Job: Send {
    /// What it certainly reads.
    fn reads(&self) -> Vec<Key>;

    /// Runs in a unit, and keeps what came of it. A fault that is no refusal ends the unit.
    fn run<'a>(&'a mut self, unit: &'a mut Unit) -> Running<'a, Done<()>>;

    /// Keeps what came of it apart: the commit may have happened, and may not.
    fn keep(&mut self);

    /// Answers its caller: what came of it, or what was kept of a run whose commit happened.
    fn answer(self: Box<Self>, done: Answered);
}

/// How a job ended.
#[derive(Clone, Debug)]
pub(crate) enum Answered {
    /// It was committed, or changed nothing.
    Done(Option<CommitSeq>),
    /// A commit happened of which the answer was lost.
    Kept(Option<CommitSeq>),
    Failed(Error),
}

/// A command with its caller.
struct CommandJob<C: Command> {
    given: Given,
    command: C,
    outcome: Option<Result<Outcome<C::Output>>>,
    kept: Option<Result<Outcome<C::Output>>>,
    caller: oneshot::Sender<Result<Outcome<C::Output>>>,
}

impl<C: Command> Job for CommandJob<C>
where
    C::Output: Send,
{
    fn reads(&self) -> Vec<Key> {
        // An invalid context is refused when the command is decided.
        convodb_core::reads(&self.command, &self.given.context).unwrap_or_default()
    }

    fn run<'a>(&'a mut self, unit: &'a mut Unit) -> Running<'a, Done<()>> {
        Box::pin(async move {
            match unit.execute(&self.given, &self.command).await {
                Ok(outcome) => self.outcome = Some(Ok(outcome)),
                Err(Fault::Refused(error)) => self.outcome = Some(Err(error)),
                Err(fault) => return Err(fault),
            }
            Ok(())
        })
    }

    fn keep(&mut self) {
        self.kept = self.outcome.take();
    }

    fn answer(self: Box<Self>, done: Answered) {
        let (outcome, commit) = match done {
            Answered::Failed(error) => {
                let _ = self.caller.send(Err(error));
                return;
            }
            Answered::Done(commit) => (self.outcome, commit),
            Answered::Kept(commit) => (self.kept.or(self.outcome), commit),
        };
        let lost = || Err(Error::new(ErrorKind::Aborted, "the command did not run"));
        let mut outcome = outcome.unwrap_or_else(lost);
        if let Ok(outcome) = &mut outcome
            && outcome.effect.changed
            && !outcome.is_duplicate
        {
            outcome.commit = commit;
        }
        // A caller that has gone needs no answer.
        let _ = self.caller.send(outcome);
    }
}

/// Where the answer of a command comes.
type Answer<C> = oneshot::Receiver<Result<Outcome<<C as Command>::Output>>>;

/// A job of a command, and where its answer comes.
pub(crate) fn job<C: Command>(given: Given, command: C) -> (Box<dyn Job>, Answer<C>)
where
    C::Output: Send,
{
    let (caller, answer) = oneshot::channel();
    let job = CommandJob {
        given,
        command,
        outcome: None,
        kept: None,
        caller,
    };
    (Box::new(job), answer)
}

/// Runs what comes until the last handle of the store has gone. Commands that name the same entity commit in their
/// order.
pub(crate) async fn write(shared: Arc<Shared>, mut jobs: mpsc::UnboundedReceiver<Box<dyn Job>>) {
    let mut queue = Queue::default();
    let mut running = FuturesUnordered::new();
    let mut received = Vec::new();
    let mut is_open = true;
    while is_open || !running.is_empty() {
        tokio::select! {
            count = jobs.recv_many(&mut received, usize::MAX), if is_open => {
                is_open = count > 0;
                queue.waiting.extend(received.drain(..).map(Waiting::new));
            }
            Some(ended) = running.next() => queue.release(&ended),
        }
        while let Some(taken) = queue.take() {
            running.push(run(&shared, taken));
        }
    }
}

/// Runs jobs that commit together.
async fn run(shared: &Arc<Shared>, Taken { jobs, keys }: Taken) -> Ended {
    let count = jobs.len();
    // The first group is the last here.
    let mut groups = vec![Group::new(shared, jobs, false)];
    while let Some(group) = groups.pop() {
        // A panic ends its group alone: the panic hook prints it, and the callers of dropped jobs get an error.
        let run = AssertUnwindSafe(group.run()).catch_unwind().await;
        groups.extend(run.into_iter().flatten().rev());
        shared.committed();
    }
    Ended { jobs: count, keys }
}

/// A job that waits.
struct Waiting {
    job: Box<dyn Job>,
    /// The entities that it names, but for those of the directory, which is in memory.
    keys: Vec<Key>,
    /// Whether it may read anything, or change the directory: nothing overtakes it.
    is_wide: bool,
}

impl Waiting {
    fn new(job: Box<dyn Job>) -> Self {
        let mut keys = job.reads();
        let asks = keys.iter().any(|key| matches!(key, Key::Query(_)));
        keys.retain(|key| {
            !matches!(
                key,
                Key::Assignee(_) | Key::Members(_) | Key::Inbox(_) | Key::View(_)
            )
        });
        let is_wide = asks || keys.is_empty();
        Self { job, keys, is_wide }
    }
}

/// What waits, and what the groups under way name.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    busy: HashSet<Key>,
    groups: usize,
    /// How many jobs the groups have.
    running: usize,
    /// Whether one of them is wide.
    is_wide: bool,
}

impl Queue {
    /// The jobs of the next group, if one is to begin, and what they name.
    fn take(&mut self) -> Option<Taken> {
        let enough = if self.groups == 0 { 1 } else { ENOUGH };
        let waiting = self.waiting.len();
        if self.groups == AT_ONCE || self.is_wide || waiting < enough {
            return None;
        }
        let share = (self.running + waiting).div_ceil(AT_ONCE);
        let most = share.clamp(ENOUGH, MOST);
        let places = match self.groups {
            0 => (0..waiting.min(most)).collect(),
            _ => self.apart(most),
        };
        if places.len() < enough {
            return None;
        }
        let taken = places
            .into_iter()
            .enumerate()
            .filter_map(|(gone, place)| self.waiting.remove(place - gone));
        let taken: Vec<_> = taken.collect();
        self.groups += 1;
        self.running += taken.len();
        self.is_wide = taken.iter().any(|waiting| waiting.is_wide);
        let (mut jobs, mut keys) = (Vec::new(), Vec::new());
        for waiting in taken {
            jobs.push(waiting.job);
            keys.extend(waiting.keys);
        }
        self.busy.extend(keys.iter().cloned());
        Some(Taken { jobs, keys })
    }

    /// The places of the first jobs that name nothing of those under way, or of those that they would overtake.
    fn apart(&self, most: usize) -> Vec<usize> {
        let mut passed = HashSet::new();
        let mut apart = Vec::new();
        for (place, waiting) in self.waiting.iter().take(MOST_SEEN).enumerate() {
            if waiting.is_wide || apart.len() == most {
                break;
            }
            let is_held = |key| self.busy.contains(key) || passed.contains(key);
            match waiting.keys.iter().any(is_held) {
                true => passed.extend(&waiting.keys),
                false => apart.push(place),
            }
        }
        apart
    }

    /// A group has ended.
    fn release(&mut self, ended: &Ended) {
        self.groups -= 1;
        self.running -= ended.jobs;
        self.is_wide = false;
        for key in &ended.keys {
            self.busy.remove(key);
        }
    }
}

struct Taken {
    jobs: Vec<Box<dyn Job>>,
    keys: Vec<Key>,
}

struct Ended {
    jobs: usize,
    keys: Vec<Key>,
}

/// Jobs that commit together.
struct Group<'a> {
    shared: &'a Arc<Shared>,
    jobs: Vec<Box<dyn Job>>,
    /// Those behind the first one that runs apart, with that one, and whether that runs while nothing else does.
    behind: Vec<Box<dyn Job>>,
    is_next_exclusive: bool,
    is_exclusive: bool,
    /// The mark of its commit, by which it is found where its answer was lost. A try that is found not to have
    /// happened is kept from happening later, and the next one has another mark: so each answer is that of the
    /// try that happened.
    version: i64,
    /// Until when it is tried.
    deadline: Instant,
    /// Since which commit to look for the mark, where a commit may have happened.
    uncertain: Option<i64>,
}

impl<'a> Group<'a> {
    fn new(shared: &'a Arc<Shared>, jobs: Vec<Box<dyn Job>>, is_exclusive: bool) -> Self {
        Self {
            shared,
            jobs,
            behind: Vec::new(),
            is_next_exclusive: false,
            is_exclusive,
            version: fastrand::i64(1..),
            deadline: Instant::now() + shared.options.deadline,
            uncertain: None,
        }
    }

    /// Answers its jobs, and returns the groups behind it.
    async fn run(mut self) -> Vec<Self> {
        let answered = self.commit().await;
        for job in self.jobs {
            job.answer(answered.clone());
        }
        let mut behind = self.behind.into_iter();
        let mut groups = Vec::new();
        if let Some(first) = behind.next() {
            groups.push(Group::new(self.shared, vec![first], self.is_next_exclusive));
        }
        if behind.len() > 0 {
            groups.push(Group::new(self.shared, behind.collect(), false));
        }
        groups
    }

    /// Tries until it is done, refused, or the deadline is over.
    async fn commit(&mut self) -> Answered {
        let (mut conflicts, mut losses) = (0, 0);
        let mut before = None;
        loop {
            let fault = match self.attempt().await {
                Ok(answered) => return answered,
                // What was in the way until then says more.
                Err(Fault::Late) => return self.failed(before.unwrap_or(Fault::Late).into_error()),
                Err(fault) => fault,
            };
            let is_late = Instant::now() >= self.deadline;
            match fault.remedy() {
                Remedy::Again if !is_late => {
                    conflicts += 1;
                    self.is_exclusive |= conflicts > MOST_CONFLICTS;
                    if conflicts > 1 {
                        pause(1 << conflicts.min(6)).await;
                    }
                    // The directory may be another one. Where it cannot be read, the next try finds out why.
                    let _ = self.shared.refresh().await;
                }
                Remedy::Reconnect if !is_late => {
                    losses += 1;
                    pause(10 << losses.min(6)).await;
                }
                _ => return self.failed(fault.into_error()),
            }
            before = Some(fault);
        }
    }

    /// The error of a group that is given up.
    fn failed(&self, error: Error) -> Answered {
        let Some(since) = self.uncertain else {
            return Answered::Failed(error);
        };
        let commit = CommitSeq::new(since.unsigned_abs()).next();
        Answered::Failed(Error::commit_unknown(commit, error))
    }

    async fn attempt(&mut self) -> Done<Answered> {
        let mut unit = self.shared.unit(self.is_exclusive).await?;
        let settled = self.settle(&unit).await;
        unit.version = self.version;
        let done = match settled {
            Ok(Some(commit)) => Ok(Answered::Kept(commit)),
            Ok(None) if self.is_exclusive => self.attempt_exclusive(&mut unit).await,
            Ok(None) => self.attempt_together(&mut unit).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = &done
            && fault.remedy() == Remedy::Reconnect
        {
            unit.session.discard();
        }
        done
    }

    async fn attempt_together(&mut self, unit: &mut Unit) -> Done<Answered> {
        let mut keys = Vec::new();
        for job in &self.jobs {
            keys.extend(
                job.reads()
                    .into_iter()
                    .filter(|key| !matches!(key, Key::Query(_))),
            );
        }
        in_time(self.deadline, unit.load(&keys)).await?;
        let mut running = std::mem::take(&mut self.jobs).into_iter();
        while let Some(mut job) = running.next() {
            let done = in_time(self.deadline, job.run(unit)).await;
            match done {
                Ok(()) => self.jobs.push(job),
                Err(fault @ (Fault::Alone | Fault::Exclusive)) => {
                    // What was given later commits later.
                    self.is_next_exclusive = matches!(fault, Fault::Exclusive);
                    let behind = std::iter::once(job).chain(running);
                    self.behind.splice(..0, behind);
                    break;
                }
                Err(fault) => {
                    self.jobs.push(job);
                    self.jobs.extend(running);
                    return Err(fault);
                }
            }
        }
        unit.check_health()?;
        if !unit.applied {
            // What was loaded in several steps may be of no one time.
            if unit.loads > 1 {
                in_time(self.deadline, unit.is_fresh()).await?;
            }
            return Ok(Answered::Done(Some(unit.head()?.commit_seq)));
        }
        let since = unit.head()?.commit_seq;
        let committed = in_time(self.deadline, unit.commit()).await;
        self.note_loss(&committed, since);
        self.shared.note_ids(unit);
        committed.map(Answered::Done)
    }

    async fn attempt_exclusive(&mut self, unit: &mut Unit) -> Done<Answered> {
        unit.begin().await?;
        let done = self.run_exclusive(unit).await;
        if done.is_err() {
            let _ = unit.roll_back().await;
        }
        done.map(Answered::Done)
    }

    async fn run_exclusive(&mut self, unit: &mut Unit) -> Done<Option<CommitSeq>> {
        for job in &mut self.jobs {
            job.run(unit).await?;
        }
        unit.check_health()?;
        if !unit.applied {
            let seen = unit.commit_seq()?;
            unit.roll_back().await?;
            return Ok(Some(seen));
        }
        let since = CommitSeq::new(unit.head()?.commit_seq.get().saturating_sub(1));
        let ended = unit.end().await;
        self.note_loss(&ended, since);
        let commit = ended?;
        self.shared.publish(unit);
        Ok(commit)
    }

    /// The commit of a try that was lost, if it happened. Otherwise it cannot happen any longer.
    async fn settle(&mut self, unit: &Unit) -> Done<Option<Found>> {
        let Some(since) = self.uncertain else {
            return Ok(None);
        };
        let found = in_time(self.deadline, find_or_bar(unit, self.version, since)).await?;
        if found.is_none() {
            self.uncertain = None;
            self.version = fastrand::i64(1..);
        }
        Ok(found)
    }

    /// A commit whose connection was lost may have happened.
    fn note_loss(&mut self, committed: &Done<Option<CommitSeq>>, since: CommitSeq) {
        if let Err(fault) = committed
            && fault.remedy() == Remedy::Reconnect
            && !fault.is_refusal()
        {
            self.uncertain = Some(i64::try_from(since.get()).unwrap_or(i64::MAX));
            self.jobs.iter_mut().for_each(|job| job.keep());
        }
    }
}

/// What is done until a deadline.
async fn in_time<T>(deadline: Instant, work: impl Future<Output = Done<T>>) -> Done<T> {
    timeout_at(deadline, work).await.unwrap_or(Err(Fault::Late))
}

/// Waits for about so many milliseconds.
async fn pause(millis: u64) {
    let millis = fastrand::u64(millis / 2..=millis);
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// The commit of a mark, if it happened. Otherwise a row takes the mark, so that a request that is still under way
/// cannot commit with it: where one does at the moment, the row waits for it.
///
/// A server that was restarted, or whose connection was ended, shows a commit that its synchronous standby may not
/// have. A write behind it waits for both.
async fn find_or_bar(unit: &Unit, mark: i64, since: i64) -> Done<Option<Found>> {
    let sql = "INSERT INTO convodb.journal (ws, seq, version, streams, keys, deltas, at, newest_id) \
               VALUES ($1, -$2, $2, '{}', '{}', '{}', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, '') \
               ON CONFLICT DO NOTHING";
    unit.query(Statement::new(sql).bind(unit.ws).bind(mark))
        .await?;
    let sql = "UPDATE convodb.head h SET commit_seq = h.commit_seq FROM convodb.journal j \
               WHERE h.ws = $1 AND j.ws = $1 AND j.version = $2 AND j.seq <> -j.version RETURNING j.seq";
    let found = Statement::new(sql).bind(unit.ws).bind(mark);
    let rows = unit.query(found).await?;
    if let Some(row) = rows.first() {
        return Ok(Some(match unit.numbering {
            Numbering::Head => Some(CommitSeq::new(row.get::<_, i64>(0).unsigned_abs())),
            Numbering::Settled => None,
        }));
    }
    // As many marks stay as a fold leaves.
    let forgotten = match unit.numbering {
        Numbering::Head => Statement::new(
            "SELECT FROM convodb.head h WHERE h.ws = $1 AND h.commit_seq > $2 AND NOT EXISTS ( \
             SELECT FROM convodb.journal j WHERE j.ws = $1 AND j.seq = $2 + 1)",
        )
        .bind(unit.ws)
        .bind(since),
        Numbering::Settled => {
            Statement::new("SELECT FROM convodb.head h WHERE h.ws = $1 AND h.commit_seq > $2")
                .bind(unit.ws)
                .bind(since.saturating_add(counts::JOURNAL_KEPT / 2))
        }
    };
    match unit.query(forgotten).await?.is_empty() {
        true => Ok(None),
        false => Err(Error::new(
            ErrorKind::Unavailable,
            "so many commits came since the connection was lost that the mark of this one may be gone",
        )
        .into()),
    }
}

/// The number of a commit that is found, if it has one.
type Found = Option<CommitSeq>;
