//! A store in a workspace of a database.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use convodb_core::directory::Directory;
use convodb_core::{Command, Context, Error, ErrorKind, EventSeq, Hashes, Outcome, Result};
use deadpool_postgres::Pool;
use tokio::sync::{Notify, Semaphore, mpsc};

use crate::durability;
use crate::error::{READ_ONLY, failed};
use crate::fault::{Done, Fault};
use crate::group::{self, Job};
use crate::head::{self, Head};
use crate::migrate;
use crate::numbering::Numbering;
use crate::options::PgOptions;
use crate::pool;
use crate::session::{Begin, Session, Statement};
use crate::unit::{Given, Unit};

/// How many conversations of removed assignees are reassigned in one commit.
pub(crate) const BATCH: usize = 64;

/// How many conversations are read in one commit to build the list of a view.
pub(crate) const VIEWED: usize = 512;

/// A store in a workspace of a PostgreSQL database. Clones share its connections.
///
/// It takes the commands of the crate `convodb`, and answers its queries with [`PgRead`](crate::PgRead). Any
/// number of processes can use one workspace at a time.
///
/// ```no_run
/// use convodb_postgres::commands::ReceiveMessage;
/// use convodb_postgres::*;
///
/// # async fn example() -> Result<()> {
/// let options = PgOptions::new("postgres://localhost/support")?;
/// migrate(&options).await?;
/// let store = PgStore::open(options).await?;
/// let hello = Inbound::text(ContactId::new("con_01HXYZ")?, Channel::Whatsapp, "Hello");
/// store.execute(ReceiveMessage { message: hello }).await?;
/// let page = store.list(&Filter::open(), PageRequest::number(1, 20)?).await?;
/// println!("{} open conversations", page.total);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PgStore {
    shared: Arc<Shared>,
    context: Context,
    /// Ends the writer with the last clone.
    jobs: mpsc::UnboundedSender<Box<dyn Job>>,
}

/// What a process remembers of a workspace, until it was changed.
#[derive(Clone)]
pub(crate) struct Known {
    /// The number of the latest change.
    pub(crate) epoch: i64,
    pub(crate) numbering: Numbering,
    pub(crate) directory: Arc<Directory>,
}

/// What all clones of a store share.
pub(crate) struct Shared {
    pub(crate) pool: Pool,
    pub(crate) options: PgOptions,
    pub(crate) ws: i32,
    pub(crate) hashes: Hashes,
    known: Mutex<Known>,
    /// The greatest id that this process gave out: its ids ascend also where no head row orders commits.
    newest_id: Mutex<u128>,
    /// Wakes the work that follows a commit.
    pub(crate) commits: Notify,
    /// Whether lists were read or counted since they were folded last.
    pub(crate) reads_lists: AtomicBool,
    /// Wakes what waits for events.
    pub(crate) events: Notify,
    /// The places for snapshots, which leave connections to everything else.
    pub(crate) snapshots: Arc<Semaphore>,
}

impl Shared {
    pub(crate) async fn session(&self) -> Result<Session> {
        pool::session(&self.pool, &self.options).await
    }

    /// What was read last.
    pub(crate) fn known(&self) -> Known {
        let known = self.known.lock();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what was read last, also where its number is lower: a failover may have lost the latest changes. One
    /// that is not the latest fails the next commit, which reads it again.
    fn set_known(&self, known: Known) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Remembers the ids of a unit that was committed.
    pub(crate) fn note_ids(&self, unit: &Unit) {
        let mut newest = self
            .newest_id
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *newest = unit.newest_id;
    }

    /// Takes what an exclusive unit has made of it.
    pub(crate) fn publish(&self, unit: &Unit) {
        self.note_ids(unit);
        self.set_known(Known {
            epoch: unit.epoch,
            numbering: unit.numbering,
            directory: Arc::clone(&unit.directory),
        });
    }

    /// Reads the directory, if it was changed.
    pub(crate) async fn refresh(&self) -> Result<()> {
        let session = self.session().await?;
        self.set_known(read_known(&session, self.ws, Some(Begin::Read)).await?);
        Ok(())
    }

    pub(crate) async fn unit(&self, is_exclusive: bool) -> Done<Unit> {
        let session = pool::connect(&self.pool, &self.options).await?;
        let (known, hashes) = (self.known(), self.hashes);
        let clock = self.options.clock.clone();
        let mut unit = Unit::new(self.ws, session, is_exclusive, known, hashes, clock);
        if unit.numbering == Numbering::Settled {
            let newest = self.newest_id.lock();
            unit.newest_id = *newest.unwrap_or_else(PoisonError::into_inner);
        }
        unit.compares_versions = self.options.compares_versions;
        Ok(unit)
    }

    pub(crate) fn committed(&self) {
        self.commits.notify_waiters();
        self.events.notify_waiters();
    }

    pub(crate) fn given(&self, context: Context) -> Given {
        let at_once = |most| if self.options.has_background { most } else { 0 };
        Given {
            context,
            random: self.options.draw(),
            idempotency_ttl: self.options.idempotency_ttl,
            max_views: self.options.max_views,
            reassigned_at_once: at_once(BATCH),
            viewed_at_once: at_once(VIEWED),
        }
    }
}

/// Reads the directory, in a transaction of its own or within the session's.
pub(crate) async fn read_known(session: &Session, ws: i32, begin: Option<Begin>) -> Result<Known> {
    let statements = [Head::statement(ws), head::directory(ws)];
    let rows = session.run(begin, &statements).await.map_err(failed)?;
    let [head, rows] = rows.as_slice() else {
        return Err(Error::corrupted("the directory was not answered"));
    };
    let head = head.first();
    let head = Head::of_row(head.ok_or_else(|| Error::corrupted("the workspace is missing"))?)?;
    Ok(Known {
        epoch: head.epoch,
        numbering: head.numbering,
        directory: Arc::new(head::read_directory(rows, &head)?),
    })
}

impl PgStore {
    /// Opens a workspace, and creates it if it is not there. The schema must be: see
    /// [`migrate`](crate::migrate()).
    ///
    /// # Errors
    ///
    /// - `NotFound` if the workspace is missing and is [not to be created](PgOptions::create).
    /// - `Unavailable` if the server cannot be reached.
    /// - `NotPermitted` if the server refuses the user, or the role may not use the schema.
    /// - `NotADatabase` if the database is missing.
    /// - `UnsupportedVersion` if the schema is missing or older.
    /// - `ReadOnly` on a standby.
    /// - `Unsupported` if the options require a synchronous standby and commits wait for none.
    pub async fn open(options: PgOptions) -> Result<Self> {
        let pool = pool::new(&options)?;
        let session = pool::session(&pool, &options).await?;
        migrate::check(&session).await?;
        if !options.is_read_only {
            require_writable(&session).await?;
        }
        if options.requires_standby {
            durability::require_standby(&session).await?;
        }
        let (ws, seed) = find_workspace(&session, &options).await?;
        let known = read_known(&session, ws, Some(Begin::Read)).await?;
        drop(session);
        let places = options.connections / 2;
        let shared = Arc::new(Shared {
            pool,
            options,
            ws,
            hashes: Hashes::new(seed),
            known: Mutex::new(known),
            newest_id: Mutex::new(0),
            commits: Notify::new(),
            reads_lists: AtomicBool::new(false),
            events: Notify::new(),
            snapshots: Arc::new(Semaphore::new(places)),
        });
        let (jobs, waiting) = mpsc::unbounded_channel();
        tokio::spawn(group::write(Arc::clone(&shared), waiting));
        let store = Self {
            shared,
            context: Context::new(),
            jobs,
        };
        if store.shared.options.has_background && !store.shared.options.is_read_only {
            tokio::spawn(crate::background::run(Arc::downgrade(&store.shared)));
        }
        Ok(store)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The same store, whose commands are given in a context: by an actor, under an idempotency key, with
    /// preconditions.
    pub fn with(&self, context: Context) -> Self {
        Self {
            context,
            ..self.clone()
        }
    }

    /// The context of its commands.
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// Runs a command, in one commit with those that other tasks give at the same time.
    ///
    /// It is tried again where another process changed what it rests on, and where the connection was lost: it
    /// happens once.
    ///
    /// # Errors
    ///
    /// Those of the command, the same as with a store in a file. `Unavailable` if the server could not be
    /// reached until the deadline, `CommitUnknown` if the command may have happened then.
    pub async fn execute<C: Command>(&self, command: C) -> Result<Outcome<C::Output>> {
        self.submit(command).await
    }

    /// Runs a command in a context.
    ///
    /// # Errors
    ///
    /// Those of [`execute`](Self::execute).
    pub async fn execute_in<C: Command>(
        &self,
        context: Context,
        command: C,
    ) -> Result<Outcome<C::Output>> {
        self.with(context).submit(command).await
    }

    /// Gives a command, and returns at once: it runs also where the future is dropped. Commands that are given here
    /// and to [`execute`](Self::execute) commit in the order in which they were given if they name the same
    /// conversation, contact, provider's id or idempotency key, or if one of them selects conversations or changes
    /// the directory. Others may overtake one another.
    ///
    /// # Errors
    ///
    /// Those of [`execute`](Self::execute).
    pub fn submit<C: Command>(
        &self,
        command: C,
    ) -> impl Future<Output = Result<Outcome<C::Output>>> + Send + use<C> {
        let (job, answer) = group::job(self.shared.given(self.context.clone()), command);
        let closed = || Error::new(ErrorKind::Closed, "the runtime of the store has ended");
        let given = match self.shared.options.is_read_only {
            true => {
                let message = "the store was opened for reading alone";
                Err(Error::new(ErrorKind::ReadOnly, message))
            }
            false => self.jobs.send(job).map_err(|_| closed()),
        };
        async move {
            given?;
            let lost = |_| {
                Error::new(
                    ErrorKind::Aborted,
                    "the command was dropped: one of its group panicked",
                )
            };
            answer.await.map_err(lost)?
        }
    }

    /// Waits for an event behind a number, until the timeout. Whether there is one.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the server cannot be reached.
    pub async fn wait_for_events(&self, after: EventSeq, timeout: Duration) -> Result<bool> {
        /// Other processes commit too, and do not wake this one.
        const POLLED_EACH: Duration = Duration::from_millis(50);
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            let numbered = self.shared.events.notified();
            let session = self.shared.session().await?;
            let statement = Head::statement(self.shared.ws);
            let rows = session.query(&statement).await.map_err(failed)?;
            drop(session);
            let head = rows.first().map(Head::of_row).transpose()?;
            if head.is_some_and(|head| head.newest_event > after) {
                return Ok(true);
            }
            let now = tokio::time::Instant::now();
            if now >= deadline {
                return Ok(false);
            }
            let until = deadline.min(now + POLLED_EACH);
            let _ = tokio::time::timeout_at(until, numbered).await;
        }
    }

    /// Does now what is done between commands: folds counts, reassigns conversations of removed users and teams,
    /// and builds views. For a process that ends behind its commands, as an import does.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the server cannot be reached.
    pub async fn work_off(&self) -> Result<()> {
        self.shared.refresh().await?;
        while crate::background::work(&self.shared, true).await? {}
        Ok(())
    }

    /// Closes its connections. Commands that are given later fail.
    pub fn close(self) {
        self.shared.pool.close();
    }
}

impl fmt::Debug for PgStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStore")
            .field("workspace", &self.shared.options.workspace)
            .finish_non_exhaustive()
    }
}

/// An error on a standby.
async fn require_writable(session: &Session) -> Result<()> {
    let sql = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'";
    let rows = session.query(&Statement::new(sql)).await.map_err(failed)?;
    match rows.first().is_some_and(|row| row.get(0)) {
        true => Err(Error::new(ErrorKind::ReadOnly, READ_ONLY)),
        false => Ok(()),
    }
}

/// The number of a workspace, and the seed of its hashes.
async fn find_workspace(session: &Session, options: &PgOptions) -> Result<(i32, [u8; 16])> {
    let name = &options.workspace;
    let find = || {
        let sql = "SELECT ws, seed FROM convodb.workspace WHERE name = $1";
        Statement::new(sql).bind(name.clone())
    };
    let row = loop {
        if let Some(row) = session.query(&find()).await.map_err(failed)?.pop() {
            break row;
        }
        if !options.creates {
            let message = format!("the database has no workspace `{name}`");
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        let seed: [u8; 16] = fastrand::u128(..).to_be_bytes();
        // It inserts nothing if another process has just taken the name or the number: each turn, one of
        // them gets its workspace.
        let sql = "WITH w AS (INSERT INTO convodb.workspace (ws, name, seed) \
                   SELECT coalesce(max(ws), 0) + 1, $1, $2 FROM convodb.workspace \
                   ON CONFLICT DO NOTHING RETURNING ws), \
                   h AS (INSERT INTO convodb.head (ws) SELECT ws FROM w) \
                   INSERT INTO convodb.fold (ws) SELECT ws FROM w";
        let insert = Statement::new(sql).bind(name.clone()).bind(seed.to_vec());
        session.query(&insert).await.map_err(failed)?;
    };
    let seed: Vec<u8> = row.get(1);
    let seed = seed.try_into();
    let seed = seed.map_err(|_| Error::corrupted("the seed of the workspace is malformed"))?;
    Ok((row.get(0), seed))
}

/// What ends a read, or lets it run again.
pub(crate) async fn read_again(shared: &Shared, fault: Fault, tries: &mut u32) -> Result<()> {
    use crate::error::Remedy;
    const MOST: u32 = 8;
    *tries += 1;
    match fault.remedy() {
        Remedy::Again if *tries < MOST => shared.refresh().await,
        Remedy::Reconnect if *tries < MOST => {
            tokio::time::sleep(Duration::from_millis(20 << (*tries).min(5))).await;
            Ok(())
        }
        _ => Err(fault.into_error()),
    }
}
