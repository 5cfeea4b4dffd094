//! Group commit: commands that wait for the write lock share one commit.
//!
//! A caller that finds the lock free becomes the *leader*. It runs its own command and those that
//! wait behind it as one group, and then passes the lock to the request that has waited longest. A
//! *detached* command has no thread that waits for it: the committer thread leads its group. A single
//! caller waits for no other. The queue does not depend on what a command or a commit is.
//!
//! Invariant: one holder has the lock, or no request waits. The lock is passed, and commands join a
//! group, in order of arrival.

#![cfg_attr(not(shuttle), allow(unreachable_pub, reason = "tests reach it"))]
#![cfg_attr(
    shuttle,
    expect(missing_debug_implementations, reason = "of tests alone")
)]

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
#[cfg(not(shuttle))]
use std::{
    sync::{Condvar, Mutex, MutexGuard},
    thread::{self, ThreadId},
};

// Runs the threads of the queue in many orders.
#[cfg(shuttle)]
use shuttle::{
    sync::{Condvar, Mutex, MutexGuard},
    thread::{self, ThreadId},
};

/// The largest number of commands in a group.
pub const MAX_COMMANDS: usize = 256;

/// How often a leader yields before it stops waiting for more commands. Without these yields, groups
/// of 16 and of 1 took turns under 16 threads, as the first thread that learned of a group's end led
/// the next one alone: a message took 150 µs instead of 115 µs.
const SPINS: usize = 32;

/// Requests for the write lock. `C` is a command, `E` is the error of a group.
pub struct Queue<C, E> {
    state: Mutex<State<C, E>>,
    /// Wakes the committer.
    granted: Condvar,
}

struct State<C, E> {
    is_locked: bool,
    /// The thread that runs with the lock, so that it does not wait for itself.
    holder: Option<ThreadId>,
    /// Requests for the lock, each with its command, or for one thread alone.
    waiting: VecDeque<(Option<C>, Member<C, E>)>,
    /// The detached command with which the committer holds the lock, until it begins its group.
    granted: Option<(C, Callback<E>)>,
    /// The thread that leads the groups of detached commands.
    committer: Option<ThreadId>,
    /// The committer is to return once no detached command is left.
    is_ended: bool,
    /// The number of commands in the group before.
    last_group: usize,
}

/// Who waits for a request or for the end of a group.
enum Member<C, E> {
    /// A thread, which leads a group if it is granted the lock.
    Waiting(Arc<Waiter<C, E>>),
    /// No thread: the committer leads a group with its command.
    Detached(Callback<E>),
}

type Callback<E> = Box<dyn FnOnce(Result<(), Failure<E>>) + Send>;

/// A thread that waits for its request.
struct Waiter<C, E> {
    reply: Mutex<Option<Reply<C, E>>>,
    replied: Condvar,
}

enum Reply<C, E> {
    /// The thread holds the lock. Its command is still to be run.
    Granted(Option<C>),
    /// Another thread ran the command.
    Done(Result<(), Failure<E>>),
}

/// Why a command was not committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure<E> {
    /// Its group failed.
    Failed(E),
    /// The leader of its group panicked.
    Abandoned,
}

// No code of a caller runs while a lock is held, so none is poisoned.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a, T>(changed: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

impl<C, E> Waiter<C, E> {
    fn notify(&self, reply: Reply<C, E>) {
        *lock(&self.reply) = Some(reply);
        self.replied.notify_one();
    }
}

impl<C, E: Clone> Queue<C, E> {
    /// A queue whose lock is free.
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State {
                is_locked: false,
                holder: None,
                waiting: VecDeque::new(),
                granted: None,
                committer: None,
                is_ended: false,
                last_group: 0,
            }),
            granted: Condvar::new(),
        }
    }

    /// Runs a command in a group, and waits for the end of the group. The group is that of the present
    /// leader, or `lead` runs one with the command first.
    ///
    /// # Errors
    ///
    /// The failure of the group.
    pub fn submit(
        &self,
        command: C,
        lead: impl FnOnce(&mut Group<'_, C, E>) -> Result<(), E>,
    ) -> Result<(), Failure<E>> {
        match self.enter(Some(command)) {
            Reply::Done(done) => done,
            Reply::Granted(own) => self.begin(own, Vec::new()).run(lead),
        }
    }

    /// Queues a command without waiting. The leader's thread calls `done` at the end of its group.
    pub fn submit_detached(
        &self,
        command: C,
        done: impl FnOnce(Result<(), Failure<E>>) + Send + 'static,
    ) {
        let mut state = lock(&self.state);
        if state.is_locked {
            let done = Member::Detached(Box::new(done));
            state.waiting.push_back((Some(command), done));
        } else {
            state.is_locked = true;
            state.granted = Some((command, Box::new(done)));
            self.granted.notify_one();
        }
    }

    /// For the committer: waits until a group begins with a detached command, and leads it. Returns
    /// false after [`end`](Self::end), when no detached command is left.
    pub fn lead_next(&self, lead: impl FnOnce(&mut Group<'_, C, E>) -> Result<(), E>) -> bool {
        let is_detached = |(_, member): &_| matches!(member, Member::Detached(_));
        let mut state = lock(&self.state);
        state.committer = Some(thread::current().id());
        let (command, done) = loop {
            if let Some(granted) = state.granted.take() {
                break granted;
            }
            // Another leader may take those that wait, or pass the lock to one.
            if state.is_ended && !state.waiting.iter().any(is_detached) {
                return false;
            }
            state = wait(&self.granted, state);
        };
        drop(state);
        // The callback gets the failure.
        let group = self.begin(Some(command), vec![Member::Detached(done)]);
        let _ = group.run(lead);
        true
    }

    /// Makes the committer return when no detached command is left.
    pub fn end(&self) {
        lock(&self.state).is_ended = true;
        self.granted.notify_one();
    }

    /// Waits for the write lock. A group without commands holds it until it is dropped.
    pub fn lock_writer(&self) -> Group<'_, C, E> {
        self.enter(None);
        self.begin(None, Vec::new())
    }

    /// Whether this thread holds the lock.
    pub fn is_held_here(&self) -> bool {
        lock(&self.state).holder == Some(thread::current().id())
    }

    /// Whether a request of this thread could wait for itself: it holds the lock, or is the committer,
    /// which calls `done` when the lock may have been passed to it again.
    pub fn is_reentrant_here(&self) -> bool {
        let (state, own) = (lock(&self.state), Some(thread::current().id()));
        state.holder == own || state.committer == own
    }

    /// Whether a request waits for the lock.
    pub fn is_contended(&self) -> bool {
        let state = lock(&self.state);
        state.granted.is_some() || !state.waiting.is_empty()
    }

    /// Takes the lock, or waits until it is granted or the command is done.
    fn enter(&self, command: Option<C>) -> Reply<C, E> {
        let waiter = {
            let mut state = lock(&self.state);
            if !state.is_locked {
                state.is_locked = true;
                return Reply::Granted(command);
            }
            let waiter = Arc::new(Waiter {
                reply: Mutex::new(None),
                replied: Condvar::new(),
            });
            let own = Member::Waiting(Arc::clone(&waiter));
            state.waiting.push_back((command, own));
            waiter
        };
        let mut reply = lock(&waiter.reply);
        loop {
            match reply.take() {
                Some(reply) => return reply,
                None => reply = wait(&waiter.replied, reply),
            }
        }
    }

    /// For the thread that was granted the lock.
    fn begin(&self, own: Option<C>, members: Vec<Member<C, E>>) -> Group<'_, C, E> {
        lock(&self.state).holder = Some(thread::current().id());
        Group {
            queue: self,
            own,
            taken: 0,
            members,
            done: Err(Failure::Abandoned),
        }
    }

    /// Passes the lock to the request that has waited longest.
    fn unlock(&self) {
        let mut state = lock(&self.state);
        let next = state.waiting.pop_front();
        state.is_locked = next.is_some();
        state.holder = None;
        if state.is_ended {
            self.granted.notify_one();
        }
        match next {
            Some((command, Member::Waiting(waiter))) => {
                drop(state);
                waiter.notify(Reply::Granted(command));
            }
            Some((command, Member::Detached(done))) => {
                state.granted = command.map(|command| (command, done));
                self.granted.notify_one();
            }
            None => {}
        }
    }
}

/// The write lock, and commands that commit together. Dropping it passes the lock on, and notifies
/// every member.
#[must_use]
pub struct Group<'a, C, E: Clone> {
    queue: &'a Queue<C, E>,
    own: Option<C>,
    taken: usize,
    members: Vec<Member<C, E>>,
    done: Result<(), Failure<E>>,
}

impl<C, E: Clone> Group<'_, C, E> {
    fn run(mut self, lead: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<(), Failure<E>> {
        self.done = lead(&mut self).map_err(Failure::Failed);
        self.done.clone()
    }

    /// The next command: first the leader's own, then those that wait, up to a request for the lock.
    pub fn next_command(&mut self) -> Option<C> {
        let command = match self.own.take() {
            Some(own) => own,
            None => self.await_command()?,
        };
        self.taken += 1;
        Some(command)
    }

    /// The next command that waits, or arrives while the group is smaller than the one before.
    fn await_command(&mut self) -> Option<C> {
        if self.taken >= MAX_COMMANDS {
            return None;
        }
        for _ in 0..SPINS {
            let mut state = lock(&self.queue.state);
            match state.waiting.front() {
                // A request for the lock alone.
                Some((None, _)) => return None,
                Some(_) => {
                    let (command, member) = state.waiting.pop_front()?;
                    self.members.push(member);
                    return command;
                }
                None if self.taken >= state.last_group => return None,
                None => {}
            }
            drop(state);
            thread::yield_now();
        }
        None
    }
}

impl<C, E: Clone> Drop for Group<'_, C, E> {
    fn drop(&mut self) {
        if self.taken > 0 {
            lock(&self.queue.state).last_group = self.taken;
        }
        // First, so that the next group runs while the members of this one are notified.
        self.queue.unlock();
        for member in self.members.drain(..) {
            match member {
                Member::Waiting(waiter) => waiter.notify(Reply::Done(self.done.clone())),
                Member::Detached(done) => done(self.done.clone()),
            }
        }
    }
}
