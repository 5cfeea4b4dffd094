//! convodb, through its public API.

mod views;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Utc};
use convodb::prelude::*;
use convodb::{
    Assignee, AssigneeId, ContactId, Content, Conversation, ConversationId, Durability, Error,
    ErrorKind, Filter, Import, Message, MessageId, Options, Stats, Status, StatusFilter,
};

pub(crate) use views::ConvodbViews;

use super::disk::CountingDisk;
use super::flood;
use crate::data::{self, Dataset, Directory, NOBODY, parts};
use crate::engine::{Answers, Command, Engine, Flood, Page, Reader, Rows, Thread};
use crate::measure::Written;
use crate::plan::{self, LIMIT, Place, Plan, Target};

/// The name of the file.
pub const FILE: &str = "inbox.redb";

/// What the write-ahead log has that no checkpoint contains.
#[derive(Clone, Copy)]
pub(crate) struct Logged {
    pub(crate) commands: u64,
    pub(crate) bytes: u64,
}

impl Logged {
    const fn of(stats: &Stats) -> Self {
        Self {
            commands: stats.wal_commands,
            bytes: stats.wal_bytes,
        }
    }
}

/// More commands than any log has room for.
const MOST_COMMANDS: usize = 1_000_000;
const MOST_CALLS: usize = 100;

pub(crate) struct Convodb {
    path: PathBuf,
    disk: CountingDisk,
    assignees: Vec<AssigneeId>,
    store: Option<Store>,
    shapes: Vec<Filter>,
    sidebar: Vec<Filter>,
}

impl Convodb {
    pub(crate) fn new(directory: Directory, at: &Path) -> Self {
        Self {
            path: at.join(FILE),
            disk: CountingDisk::default(),
            assignees: assignees(&directory),
            store: None,
            shapes: Vec::new(),
            sidebar: Vec::new(),
        }
    }

    /// The defaults.
    fn options(&self) -> Options {
        Options::new().disk(Arc::new(self.disk.clone()))
    }

    fn store(&self) -> Result<&Store> {
        self.store.as_ref().context("the store is closed")
    }

    fn assignee(&self, number: u16) -> Result<&AssigneeId> {
        assignee(&self.assignees, number)
    }

    fn filters<'a>(&self, plain: impl Iterator<Item = &'a plan::Filter>) -> Result<Vec<Filter>> {
        plain.map(|one| filter(one, &self.assignees)).collect()
    }

    /// Opens the file and runs the commands, each one record in the log.
    pub(crate) fn fill_wal(&mut self, commands: &[Command]) -> Result<Logged> {
        let options = self.options().create(false);
        // The records are the same as with a sync each, and are written in less time.
        let options = options.durability(Durability::Interval(Duration::from_millis(50)));
        let options = options.checkpoint_commands(u64::MAX);
        let store = options.open(&self.path)?;
        for command in commands {
            self.one(&store, command)?;
        }
        store.flush()?;
        let stats = store.stats()?;
        let expected = commands.len();
        ensure!(
            stats.wal_commands == expected as u64,
            "{} commands in the log and not {expected}",
            stats.wal_commands
        );
        self.store = Some(store);
        Ok(Logged::of(&stats))
    }

    /// Opens the file and runs commands until the log has no more room, because the disk has none for
    /// checkpoints. Returns these commands, and how many are in the log.
    pub(crate) fn fill_whole_wal(
        &mut self,
        mut next: impl FnMut() -> Command,
    ) -> Result<(Vec<Command>, Logged)> {
        let options = self.options().create(false);
        let options = options.durability(Durability::Interval(Duration::from_millis(50)));
        let store = options.open(&self.path)?;
        let mut commands = Vec::new();
        self.disk.set_full(true);
        loop {
            let command = next();
            match beside_checkpoints(|| self.one(&store, &command)) {
                Ok(()) => commands.push(command),
                Err(error) if is(&error, ErrorKind::StorageFull) => break,
                Err(error) => return Err(error),
            }
            ensure!(commands.len() < MOST_COMMANDS, "the log never fills");
        }
        store.flush()?;
        let stats = beside_checkpoints(|| Ok(store.stats()?))?;
        self.store = Some(store);
        Ok((commands, Logged::of(&stats)))
    }

    /// Makes a packed and closed file with a log of this size.
    pub(crate) fn pack(&mut self, wal_bytes: Option<u64>) -> Result<()> {
        let options = self.options().create(false);
        let options = match wal_bytes {
            Some(bytes) => options.wal_size(bytes),
            None => options,
        };
        let store = options.open(&self.path)?;
        store.compact()?;
        Ok(store.close()?)
    }

    /// Copies the file durably to the path of the other, as a process leaves it that is killed now.
    pub(crate) fn copy_file(&self, other: &Self) -> Result<()> {
        {
            let _held = self.disk.hold();
            fs::copy(&self.path, &other.path)?;
        }
        self.disk.set_full(false);
        Ok(File::open(&other.path)?.sync_all()?)
    }

    /// Runs a command on a store, or in a transaction.
    fn one(&self, store: &impl Execute, command: &Command) -> Result<()> {
        match command {
            Command::Append { to, text } => {
                store.reply(to.typed, text.as_str())?;
            }
            Command::Assign { to, assignee } => {
                store.assign(to.typed, self.assignee(*assignee)?)?;
            }
            Command::Resolve { to } => {
                store.resolve(to.typed)?;
            }
        }
        Ok(())
    }
}

/// The ids of everybody, by number.
pub(crate) fn assignees(directory: &Directory) -> Vec<AssigneeId> {
    let ids = directory.iter().map(|(_, one)| AssigneeId::new(&one.id));
    ids.filter_map(Result::ok).collect()
}

fn assignee(assignees: &[AssigneeId], number: u16) -> Result<&AssigneeId> {
    let place = usize::from(number).checked_sub(1).context("no assignee")?;
    assignees.get(place).context("no such assignee")
}

/// A filter in the types of convodb.
pub(crate) fn filter(plain: &plan::Filter, assignees: &[AssigneeId]) -> Result<Filter> {
    let mut filter = Filter::new(match plain.status {
        None => StatusFilter::All,
        Some(Status::Open) => StatusFilter::Open,
        Some(Status::Resolved) => StatusFilter::Resolved,
    });
    if let Some(channel) = plain.channel {
        filter = filter.channel(channel);
    }
    for number in &plain.assignees {
        filter = match *number {
            NOBODY => filter.unassigned(),
            number => filter.assigned_to(assignee(assignees, number)?),
        };
    }
    Ok(filter)
}

/// A checkpoint that has no room ends the call beside it, which has done nothing.
fn beside_checkpoints<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 0..MOST_CALLS {
        match call() {
            Err(error) if is(&error, ErrorKind::NeedsReopen) => {}
            done => return done,
        }
    }
    call()
}

fn is(error: &anyhow::Error, kind: ErrorKind) -> bool {
    let error = error.downcast_ref::<Error>();
    error.is_some_and(|error| error.kind() == kind)
}

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

pub(crate) fn import(data: &Dataset, plain: &data::Conversation) -> Result<Import, Error> {
    let (millis, random) = parts(plain.id);
    let id = ConversationId::from_parts(millis, random);
    let contact = ContactId::new(plain.contact())?;
    let mut conversation = Conversation::new(id, contact, plain.channel, time(plain.created_us));
    conversation.status = plain.status;
    conversation.updated_at = time(plain.updated_us);
    if let Some(assignee) = data.directory.get(plain.assignee) {
        let id = AssigneeId::new(&assignee.id)?;
        conversation.assigned_to = Some(Assignee::new(id, &assignee.name));
    }
    let messages = data.messages(plain).map(|message| {
        let (millis, random) = parts(message.id);
        Message::new(
            MessageId::from_parts(millis, random),
            id,
            message.direction,
            Content::text(message.content),
            time(message.created_us),
        )
    });
    Ok(Import::new(conversation, messages.collect()))
}

impl Answers for Convodb {
    fn page(&mut self, shape: usize, place: &Place) -> Result<Page> {
        let filter = self.shapes.get(shape).context("not prepared")?;
        let store = self.store()?;
        let page = match place {
            Place::Page(page) => store.list(filter, (*page, LIMIT))?,
            Place::Behind(mark) => store.list(filter, (mark.cursor, LIMIT))?,
        };
        Ok(Page {
            rows: Rows::Convodb(page.data),
            total: page.total,
        })
    }

    fn counts(&mut self) -> Result<Vec<u64>> {
        Ok(self.store()?.counts(&self.sidebar)?)
    }

    fn thread(&mut self, of: &Target) -> Result<Thread> {
        let transcript = self.store()?.transcript(of.typed)?;
        Ok(Thread::Convodb(Box::new(transcript)))
    }
}

impl Engine for Convodb {
    fn load(&mut self, data: &Dataset, loaded: &dyn Fn(u64)) -> Result<()> {
        let store = self.options().open(&self.path)?;
        let mut invalid = None;
        let imports = data.conversations().map_while(|plain| {
            loaded(1);
            import(data, &plain)
                .map_err(|error| invalid = Some(error))
                .ok()
        });
        store.import_all(imports)?;
        if let Some(error) = invalid {
            return Err(error.into());
        }
        // In a small inbox some have no conversation and were not imported.
        for (id, (_, one)) in self.assignees.iter().zip(data.directory.iter()) {
            match id {
                AssigneeId::User(user) if store.assignee(id).is_err() => {
                    store.save_user(user, &one.name)?;
                }
                AssigneeId::Team(team) if store.assignee(id).is_err() => {
                    store.save_team(team, &one.name)?;
                }
                _ => {}
            }
        }
        self.store = Some(store);
        Ok(())
    }

    fn compact(&mut self) -> Result<()> {
        Ok(self.store()?.compact()?)
    }

    fn open(&mut self) -> Result<()> {
        let options = self.options().create(false);
        self.store = Some(options.open(&self.path)?);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.store.take().map_or(Ok(()), |store| Ok(store.close()?))
    }

    fn bytes(&self) -> Result<u64> {
        Ok(fs::metadata(&self.path)?.len())
    }

    fn prepare(&mut self, plan: &Plan) -> Result<()> {
        self.shapes = self.filters(plan.shapes.iter().map(|shape| &shape.filter))?;
        self.sidebar = self.filters(plan.sidebar.iter())?;
        Ok(())
    }

    fn run(&mut self, command: &Command) -> Result<()> {
        self.one(self.store()?, command)
    }

    fn ways(&self) -> &'static [&'static str] {
        &["plain calls", "groups made by hand"]
    }

    fn flood(&mut self, way: usize, commands: &[Vec<Command>]) -> Result<Flood> {
        let store = self.store()?;
        let this = &*self;
        if way == 0 {
            let clones = commands.iter().map(|_| store.clone()).collect();
            return flood::alone(commands, clones, |store, command| this.one(store, command));
        }
        flood::grouped(commands, |group| {
            store.transaction(|transaction| {
                group
                    .iter()
                    .try_for_each(|command| this.one(transaction, command))
            })
        })
    }

    fn rest(&mut self) -> Result<()> {
        Ok(self.store()?.await_checkpoint()?)
    }

    fn checkpoint(&mut self) -> Result<()> {
        Ok(self.store()?.checkpoint()?)
    }

    fn written(&self) -> Option<Written<u64>> {
        Some(self.disk.written())
    }

    fn reader(&self, shape: usize) -> Result<Option<Reader>> {
        let store = self.store()?.clone();
        let filter = self.shapes.get(shape).context("not prepared")?.clone();
        Ok(Some(Box::new(move || {
            let page = store.list(&filter, (1, LIMIT))?;
            Ok(Page {
                rows: Rows::Convodb(page.data),
                total: page.total,
            })
        })))
    }
}
