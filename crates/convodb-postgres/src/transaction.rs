//! Commands that are written together, or not at all.

use std::fmt;
use std::sync::Arc;

use convodb_core::{Command, Context, Error, ErrorKind, Outcome, Result};
use tokio::sync::Mutex;

use crate::error::Remedy;
use crate::fault::Fault;
use crate::store::{PgStore, Shared};
use crate::unit::Unit;

/// A transaction whose commands others changed under is run again so often.
const MOST_TRIES: u32 = 8;

/// Commands that are written together. Each sees what those before it changed; nothing is written, and no lock
/// is held, before the transaction ends. Then all of it is, if nothing has changed that it rests on.
///
/// It takes commands about single entities: messages, receipts, assignments, notes, idempotency keys, and the
/// positions of consumers. It has no lists, and no command that asks for one or changes the directory, deletes or
/// merges: these are [`Unsupported`](ErrorKind::Unsupported).
pub struct PgTransaction {
    shared: Arc<Shared>,
    unit: Mutex<Unit>,
}

impl PgStore {
    /// Runs commands that commit together, for a consumer of events that answers one and acknowledges it at once.
    /// An error of the closure writes nothing. Where others changed what it rests on, the closure runs again: it
    /// must have no other effects.
    ///
    /// # Errors
    ///
    /// Those of the closure; `Conflict` if others changed what it rests on again and again; `CommitUnknown` if the
    /// connection was lost while it was written.
    ///
    /// ```no_run
    /// # use convodb_postgres::{ConversationId, ConsumerName, EventSeq, Reply, Result, Error};
    /// # use convodb_postgres::commands::{Acknowledge, ReplyTo};
    /// # use convodb_postgres::PgStore;
    /// # async fn example(store: PgStore, id: ConversationId, up_to: EventSeq) -> Result<()> {
    /// let consumer = ConsumerName::new("bot")?;
    /// store
    ///     .transaction(async |tx| {
    ///         let reply = Reply::text("We are on it");
    ///         tx.execute(ReplyTo { conversation: id, reply }).await?;
    ///         tx.execute(Acknowledge { consumer: consumer.clone(), up_to }).await?;
    ///         Ok::<_, Error>(())
    ///     })
    ///     .await
    /// # }
    /// ```
    pub async fn transaction<T, E: From<Error>>(
        &self,
        work: impl AsyncFn(&PgTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut tries = 0;
        loop {
            let unit = self.shared().unit(false).await;
            let unit = unit.map_err(Fault::into_error)?;
            let tx = PgTransaction {
                shared: Arc::clone(self.shared()),
                unit: Mutex::new(unit),
            };
            tries += 1;
            let done = match work(&tx).await {
                Ok(value) => tx.commit().await.map(|()| value).map_err(Some),
                Err(error) if tx.is_stale().await => {
                    drop(error);
                    Err(None)
                }
                Err(error) => return Err(error),
            };
            match done {
                Ok(value) => return Ok(value),
                Err(Some(error)) if error.kind() != ErrorKind::Conflict => return Err(error.into()),
                Err(_) if tries < MOST_TRIES => self.shared().refresh().await?,
                Err(_) => return Err(Fault::Stale.into_error().into()),
            }
        }
    }
}

impl PgTransaction {
    /// Runs a command.
    ///
    /// # Errors
    ///
    /// Those of the command, and `Unsupported` of one that a transaction does not take.
    pub async fn execute<C: Command>(&self, command: C) -> Result<Outcome<C::Output>> {
        self.execute_in(Context::new(), command).await
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
        let given = self.shared.given(context);
        let mut unit = self.unit.lock().await;
        let done = unit.execute(&given, &command).await;
        done.map_err(Fault::into_error)
    }

    /// Whether what the closure saw has changed meanwhile: its error may rest on that.
    async fn is_stale(&self) -> bool {
        let unit = self.unit.lock().await;
        let fresh = unit.is_fresh().await;
        fresh.is_err_and(|fault| fault.remedy() == Remedy::Again)
    }

    async fn commit(self) -> Result<()> {
        let mut unit = self.unit.into_inner();
        unit.check_health()?;
        if !unit.applied {
            return Ok(());
        }
        let next = unit.commit_seq()?;
        match unit.commit().await {
            Ok(_) => {
                self.shared.committed();
                Ok(())
            }
            Err(fault) => Err(match fault.remedy() {
                Remedy::Again => Fault::Stale.into_error(),
                Remedy::Reconnect => {
                    unit.session.discard();
                    Error::commit_unknown(next, fault.into_error())
                }
                Remedy::None => fault.into_error(),
            }),
        }
    }
}

impl fmt::Debug for PgTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgTransaction").finish_non_exhaustive()
    }
}
