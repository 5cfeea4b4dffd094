//! A command on its way to the leader of its group, and its outcome on the way back.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Waker};
use std::thread;
use std::time::Instant;

use convodb_core::{Command, Context, Error, ErrorKind, Outcome, Result};

use super::group_commit::Failure;
use super::notifier::{block_on, wake};
use super::{Executor, lock, reentrant};
use crate::storage::UnitOfWork;

/// A command that any thread can run. After an error the unit of work must not commit.
pub(super) type Job = Box<dyn Fn(&Executor, &mut UnitOfWork<'_>) -> Result<()> + Send>;

/// How the group of a command ended.
type Ended = Result<(), Failure<Error>>;

/// The place of a [`Job`]'s outcome.
pub(super) struct Answer<T>(Mutex<State<T>>);

struct State<T> {
    /// What running the command returned, or its panic.
    own: Option<thread::Result<Result<T>>>,
    /// Set for a command that no thread waits for in the queue.
    group: Option<Ended>,
    waker: Option<Waker>,
}

impl<T: Send + 'static> Answer<Outcome<T>> {
    /// The place of a command's outcome, and the job that fills it.
    pub(super) fn of<C: Command<Output = T>>(context: Context, command: C) -> (Arc<Self>, Job) {
        let answer = Arc::new(Self(Mutex::new(State {
            own: None,
            group: None,
            waker: None,
        })));
        let own = Arc::clone(&answer);
        // Within the caller's span, on whichever thread it runs.
        #[cfg(feature = "tracing")]
        let span = tracing::debug_span!(target: "convodb", "command", command = C::NAME);
        let job = move |executor: &Executor, unit: &mut UnitOfWork<'_>| {
            #[cfg(feature = "tracing")]
            let _span = span.enter();
            // A clock or a disk of the caller's own can panic.
            let run = AssertUnwindSafe(|| unit.execute(&executor.given(&context), &command));
            let ran = catch_unwind(run);
            #[cfg(feature = "tracing")]
            if let Ok(Ok(Outcome {
                commit: Some(commit),
                ..
            })) = &ran
            {
                tracing::debug!(target: "convodb", commit = commit.get(), "applied");
            }
            let health = match &ran {
                // The group runs again.
                Ok(Err(error)) if error.kind() == ErrorKind::NeedsReopen => Err(error.clone()),
                Ok(_) => unit.check_health(),
                Err(_) => Err(group_panicked()),
            };
            lock(&own.0).own = Some(ran);
            health
        };
        (answer, Box::new(job))
    }
}

impl<T> Answer<T> {
    /// The outcome, given that of its group. If the command panicked, the panic continues here.
    pub(super) fn take(&self, group: Ended) -> Result<T> {
        let own = lock(&self.0).own.take();
        let group = group.map_err(|failure| match failure {
            Failure::Failed(error) => error,
            Failure::Abandoned => group_panicked(),
        });
        match (group, own) {
            (_, Some(Err(panic))) => resume_unwind(panic),
            (Ok(()), Some(Ok(answer))) => answer,
            // The error that aborted the group.
            (Err(group), Some(Ok(Err(own)))) if group.kind() == ErrorKind::Aborted => Err(own),
            (Err(group), _) => Err(group),
            (Ok(()), None) => Err(Error::new(ErrorKind::Aborted, "it was returned before")),
        }
    }

    /// Sets how the group of a submitted command ended.
    pub(super) fn complete(&self, group: Ended) {
        let mut state = lock(&self.0);
        state.group = Some(group);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            wake(waker);
        }
    }
}

/// Another command of the group panicked.
fn group_panicked() -> Error {
    Error::new(
        ErrorKind::Aborted,
        "another command of the same group panicked: nothing was written",
    )
}

/// The outcome of a command that [`Store::submit`](crate::Store::submit) queued.
///
/// It is a future, which needs no particular runtime; [`wait`](Self::wait) blocks the thread instead.
/// Dropping it does not cancel the command.
#[must_use = "the command runs anyway, but its error is lost"]
pub struct Pending<T> {
    pub(super) answer: Arc<Answer<Outcome<T>>>,
    pub(super) executor: Arc<Executor>,
}

impl<T> Pending<T> {
    /// Blocks until the command is durable or has failed, and returns its outcome.
    ///
    /// # Errors
    ///
    /// Those of the command, as on [`Execute`](crate::Execute#errors).
    /// [`ReentrantCommand`](crate::ErrorKind::ReentrantCommand) within a transaction of the same
    /// store on this thread, if the command has not run yet: it runs after the transaction.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// let message = Inbound::text(&contact, Channel::Whatsapp, "Hello");
    /// let pending = store.submit(ReceiveMessage { message });
    /// assert!(pending.wait()?.effect.created);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn wait(self) -> Result<Outcome<T>> {
        let deadline = self.executor.queue.is_reentrant_here().then(Instant::now);
        block_on(self, deadline).unwrap_or_else(|| Err(reentrant()))
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<Outcome<T>>;

    fn poll(self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.answer.0);
        if let Some(group) = state.group.clone() {
            drop(state);
            return Poll::Ready(self.answer.take(group));
        }
        let before = state.waker.replace(context.waker().clone());
        // Dropped with the lock released: a waker is code of the caller's runtime.
        drop((state, before));
        Poll::Pending
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}
