//! convodb, through its public API.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Utc};
use convodb::prelude::*;
use convodb::{
    Assignee, AssigneeId, Check, ContactId, Content, Conversation, ConversationId, Durability,
    Error, Filter, Import, Message, MessageId, Options, Status, StatusFilter,
};

use super::flood;
use crate::data::{self, Dataset, Directory, NOBODY, parts};
use crate::engine::{Command, Engine, Flood, Page, Reader, Rows, Thread};
use crate::plan::{self, LIMIT, Place, Plan, Target};

/// The name of the file.
pub const FILE: &str = "inbox.redb";

const CACHE_BYTES: usize = 256 << 20;

pub(crate) struct Convodb {
    path: PathBuf,
    assignees: Vec<AssigneeId>,
    store: Option<Store>,
    shapes: Vec<Filter>,
    sidebar: Vec<Filter>,
}

impl Convodb {
    pub(crate) fn new(directory: Directory, at: &Path) -> Self {
        let ids = directory.iter().map(|(_, one)| AssigneeId::new(&one.id));
        Self {
            path: at.join(FILE),
            assignees: ids.filter_map(Result::ok).collect(),
            store: None,
            shapes: Vec::new(),
            sidebar: Vec::new(),
        }
    }

    fn store(&self) -> Result<&Store> {
        self.store.as_ref().context("the store is closed")
    }

    fn assignee(&self, number: u16) -> Result<&AssigneeId> {
        let place = usize::from(number).checked_sub(1).context("no assignee")?;
        self.assignees.get(place).context("no such assignee")
    }

    fn filter(&self, plain: &plan::Filter) -> Result<Filter> {
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
                number => filter.assigned_to(self.assignee(number)?),
            };
        }
        Ok(filter)
    }

    fn filters<'a>(&self, plain: impl Iterator<Item = &'a plan::Filter>) -> Result<Vec<Filter>> {
        plain.map(|filter| self.filter(filter)).collect()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn journal(&self) -> PathBuf {
        self.path.with_extension("redb-journal")
    }

    /// Opens the file and runs the commands. The first begins the journal, and each of the others is
    /// one record in it. Returns the bytes of the journal.
    pub(crate) fn fill_journal(&mut self, commands: &[Command]) -> Result<u64> {
        let options = Options::new().cache_size(CACHE_BYTES).create(false);
        // The records are the same as with a sync each, and are written in less time.
        let options = options.durability(Durability::Relaxed);
        let options = options.checkpoint_commands(u64::MAX).check(Check::Never);
        let store = options.open(&self.path)?;
        for command in commands {
            self.one(&store, command)?;
        }
        store.flush()?;
        let stats = store.stats()?;
        let expected = commands.len().saturating_sub(1);
        ensure!(
            stats.journal_commands == expected as u64,
            "{} commands in the journal and not {expected}",
            stats.journal_commands
        );
        self.store = Some(store);
        Ok(stats.journal_bytes)
    }

    /// Copies the files durably to the paths of the other.
    pub(crate) fn copy_files(&self, other: &Self) -> Result<()> {
        for (from, to) in [
            (&self.path, &other.path),
            (&self.journal(), &other.journal()),
        ] {
            fs::copy(from, to)?;
            File::open(to)?.sync_all()?;
        }
        Ok(())
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

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

fn import(data: &Dataset, plain: &data::Conversation) -> Result<Import, Error> {
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

impl Engine for Convodb {
    fn load(&mut self, data: &Dataset, loaded: &dyn Fn(u64)) -> Result<()> {
        let store = Options::new().cache_size(CACHE_BYTES).open(&self.path)?;
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
        let options = Options::new().cache_size(CACHE_BYTES).create(false);
        self.store = Some(options.open(&self.path)?);
        Ok(())
    }

    fn open_unchecked(&mut self) -> Result<bool> {
        let options = Options::new().cache_size(CACHE_BYTES).create(false);
        self.store = Some(options.check(Check::Never).open(&self.path)?);
        Ok(true)
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
