//! A command on its way to the leader of its group, and its outcome on the way back.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};
use std::thread;

use convodb_core::{Command, Context, Error, ErrorKind, Outcome, Result};

use super::group_commit::Failure;
use super::notifier::wake;
use super::{Executor, lock, reentrant};
use crate::storage::UnitOfWork;

/// A command that any thread can run.
pub(super) struct Job {
    run: Box<Run>,
    pub(super) removes_consumer: bool,
}

type Run = dyn FnOnce(&Executor, &mut UnitOfWork<'_>) -> Result<()> + Send;

/// How the group of a command ended.
type Ended = Result<(), Failure<Error>>;

/// The place of a [`Job`]'s outcome.
pub(super) struct Answer<T> {
    state: Mutex<State<T>>,
    ended: Condvar,
}

struct State<T> {
    /// What running the command returned, or its panic.
    own: Option<thread::Result<Result<T>>>,
    /// Set for a command that no thread waits for in the queue.
    group: Option<Ended>,
    waker: Option<Waker>,
}

impl Job {
    pub(super) fn new<C: Command>(
        context: Context,
        command: C,
    ) -> (Self, Arc<Answer<Outcome<C::Output>>>) {
        let answer = Arc::new(Answer {
            state: Mutex::new(State {
                own: None,
                group: None,
                waker: None,
            }),
            ended: Condvar::new(),
        });
        let own = Arc::clone(&answer);
        let run = move |executor: &Executor, unit: &mut UnitOfWork<'_>| {
            // A clock or a disk of the caller's own can panic.
            let ran = catch_unwind(AssertUnwindSafe(|| {
                unit.execute(&executor.given(&context), &command)
            }));
            let health = match &ran {
                Ok(_) => unit.check_health(),
                Err(_) => Err(group_panicked()),
            };
            lock(&own.state).own = Some(ran);
            health
        };
        let job = Self {
            run: Box::new(run),
            removes_consumer: super::removes_consumer::<C>(),
        };
        (job, answer)
    }

    /// Runs it, as one of several. After an error the unit of work must not commit.
    pub(super) fn run(self, executor: &Executor, unit: &mut UnitOfWork<'_>) -> Result<()> {
        (self.run)(executor, unit)
    }
}

impl<T> Answer<T> {
    /// The outcome, given that of its group. If the command panicked, the panic continues here.
    pub(super) fn take(&self, group: Ended) -> Result<T> {
        let own = lock(&self.state).own.take();
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
            (Ok(()), None) => Err(group_panicked()),
        }
    }

    /// Sets how the group of a submitted command ended.
    pub(super) fn complete(&self, group: Ended) {
        let waker = {
            let mut state = lock(&self.state);
            state.group = Some(group);
            state.waker.take()
        };
        self.ended.notify_all();
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
    /// None after it was returned.
    answer: Option<Arc<Answer<Outcome<T>>>>,
    executor: Arc<Executor>,
}

impl<T> Pending<T> {
    pub(super) fn new(answer: Arc<Answer<Outcome<T>>>, executor: Arc<Executor>) -> Self {
        Self {
            answer: Some(answer),
            executor,
        }
    }

    /// Blocks until the command is durable or has failed, and returns its outcome.
    ///
    /// # Errors
    ///
    /// Those of the command, as on [`Execute`](crate::Execute#errors).
    /// [`ReentrantCommand`](crate::ErrorKind::ReentrantCommand) within a transaction of the same
    /// store on this thread, if the command has not run yet: it runs after the transaction.
    ///
    /// ```
    /// # use convodb::testing::example::*;
    /// # let (store, contact, _) = inbox()?;
    /// let message = Inbound::text(&contact, Channel::Whatsapp, "Hello");
    /// let pending = store.submit(ReceiveMessage { message });
    /// assert!(pending.wait()?.effect.created);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn wait(self) -> Result<Outcome<T>> {
        let answer = self.answer.ok_or_else(taken)?;
        let mut state = lock(&answer.state);
        loop {
            if let Some(group) = state.group.take() {
                drop(state);
                return answer.take(group);
            }
            if self.executor.is_writing() {
                return Err(reentrant());
            }
            let waited = answer.ended.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn taken() -> Error {
    Error::new(ErrorKind::Aborted, "the outcome was returned before")
}

impl<T> Future for Pending<T> {
    type Output = Result<Outcome<T>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Some(answer) = self.answer.take() else {
            return Poll::Ready(Err(taken()));
        };
        let group = {
            let mut state = lock(&answer.state);
            if state.group.is_none() {
                state.waker = Some(context.waker().clone());
            }
            state.group.take()
        };
        if let Some(group) = group {
            return Poll::Ready(answer.take(group));
        }
        self.answer = Some(answer);
        Poll::Pending
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}
