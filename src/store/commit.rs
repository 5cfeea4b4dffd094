//! Threads that wait for the writer share one commit.
//!
//! Whoever finds nobody at work *leads*: it does its own command and those of who waits behind it,
//! as one group, and then gives the turn to who has waited longest. A lone caller waits for nobody.
//! Nothing here knows what a command does, or what a commit is.
//!
//! Invariant: somebody has the turn, or nobody waits. Turns are given, and commands taken into a
//! group, in the order in which they came.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError};

// The tests put a scheduler of their own there.
use super::sync::{Condvar, Mutex, MutexGuard, yield_now};

/// No group has more commands.
pub(crate) const MAX_COMMANDS: usize = 256;

/// How often a leader lets others run before it believes that nobody comes any more. Without that the
/// first of sixteen to hear of a group's end was alone in the next one: groups of 16 and of 1 took
/// turns, and a message took 150 µs where it takes 115.
const PATIENCE: usize = 32;

/// Who waits for the writer. `C` is a command, `E` why a group failed.
pub(crate) struct Queue<C, E> {
    state: Mutex<State<C, E>>,
}

struct State<C, E> {
    taken: bool,
    waiting: VecDeque<Waiting<C, E>>,
    /// How many commands the group before had.
    company: usize,
}

struct Waiting<C, E> {
    wish: Wish<C>,
    caller: Arc<Caller<C, E>>,
}

enum Wish<C> {
    /// To be done in a group, or to lead one with it.
    Command(C),
    Turn,
}

struct Caller<C, E> {
    answer: Mutex<Option<Answer<C, E>>>,
    told: Condvar,
}

enum Answer<C, E> {
    /// It is this one's turn; here is its wish back.
    Granted(Wish<C>),
    /// Somebody else did it.
    Done(Result<(), Failure<E>>),
}

/// Why a command was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure<E> {
    /// Its group failed.
    Failed(E),
    /// Who led its group panicked.
    Abandoned,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No caller's code runs while it is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<C, E> Caller<C, E> {
    fn new() -> Self {
        Self {
            answer: Mutex::new(None),
            told: Condvar::new(),
        }
    }

    fn tell(&self, answer: Answer<C, E>) {
        *lock(&self.answer) = Some(answer);
        self.told.notify_one();
    }

    fn wait(&self) -> Answer<C, E> {
        let mut answer = lock(&self.answer);
        loop {
            if let Some(answer) = answer.take() {
                return answer;
            }
            answer = self
                .told
                .wait(answer)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<C, E: Clone> Queue<C, E> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                taken: false,
                waiting: VecDeque::new(),
                company: 0,
            }),
        }
    }

    /// Has a command done: by who has the turn, or by `lead`, which takes it and others out of its
    /// group and answers for all of them.
    pub(crate) fn submit(
        &self,
        command: C,
        lead: impl FnOnce(&mut Group<'_, C, E>) -> Result<(), E>,
    ) -> Result<(), Failure<E>> {
        let own = match self.wait(Wish::Command(command)) {
            Answer::Done(done) => return done,
            Answer::Granted(Wish::Command(command)) => Some(command),
            Answer::Granted(Wish::Turn) => None,
        };
        let mut group = Group {
            queue: self,
            own,
            taken: 0,
            others: Vec::new(),
            done: Err(Failure::Abandoned),
        };
        group.done = lead(&mut group).map_err(Failure::Failed);
        group.done.clone()
    }

    /// Waits for the turn, to be alone with it until it is dropped.
    pub(crate) fn turn(&self) -> Turn<'_, C, E> {
        self.wait(Wish::Turn);
        Turn { queue: self }
    }

    /// Whether somebody waits for who has the turn.
    pub(crate) fn is_waited_for(&self) -> bool {
        !lock(&self.state).waiting.is_empty()
    }

    fn wait(&self, wish: Wish<C>) -> Answer<C, E> {
        let caller = {
            let mut state = lock(&self.state);
            if !state.taken {
                state.taken = true;
                return Answer::Granted(wish);
            }
            let caller = Arc::new(Caller::new());
            state.waiting.push_back(Waiting {
                wish,
                caller: Arc::clone(&caller),
            });
            caller
        };
        caller.wait()
    }

    /// Gives the turn to who has waited longest.
    fn pass(&self) {
        let next = {
            let mut state = lock(&self.state);
            let next = state.waiting.pop_front();
            state.taken = next.is_some();
            next
        };
        if let Some(Waiting { wish, caller }) = next {
            caller.tell(Answer::Granted(wish));
        }
    }

    /// Whether nobody waits, and the group before had more commands than this.
    fn expects_company(&self, commands: usize) -> bool {
        let state = lock(&self.state);
        state.waiting.is_empty() && state.company > commands
    }

    /// Who has waited longest, if it waits for a command to be done.
    fn take_command(&self) -> Option<(C, Arc<Caller<C, E>>)> {
        let mut state = lock(&self.state);
        let next = state.waiting.pop_front()?;
        match next.wish {
            Wish::Command(command) => Some((command, next.caller)),
            Wish::Turn => {
                state.waiting.push_front(next);
                None
            }
        }
    }
}

impl<C, E> fmt::Debug for Queue<C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

/// Commands that are done as one. When it is dropped the turn is passed on, and everybody told.
pub(crate) struct Group<'a, C, E: Clone> {
    queue: &'a Queue<C, E>,
    own: Option<C>,
    taken: usize,
    others: Vec<Arc<Caller<C, E>>>,
    done: Result<(), Failure<E>>,
}

impl<C, E: Clone> Group<'_, C, E> {
    /// The next command: the leader's own, then those that wait now, until one wants to be alone.
    pub(crate) fn next_command(&mut self) -> Option<C> {
        let command = match self.own.take() {
            Some(own) => own,
            None if self.taken >= MAX_COMMANDS => return None,
            None => {
                let (command, caller) = self.await_command()?;
                self.others.push(caller);
                command
            }
        };
        self.taken += 1;
        Some(command)
    }

    /// The next that waits, or comes while the group is smaller than the one before.
    fn await_command(&self) -> Option<(C, Arc<Caller<C, E>>)> {
        for _ in 0..PATIENCE {
            let found = self.queue.take_command();
            if found.is_some() || !self.queue.expects_company(self.taken) {
                return found;
            }
            yield_now();
        }
        None
    }
}

impl<C, E: Clone> Drop for Group<'_, C, E> {
    fn drop(&mut self) {
        lock(&self.queue.state).company = self.taken;
        // First, so that the next group is under way while this one hears of its end.
        self.queue.pass();
        for caller in self.others.drain(..) {
            caller.tell(Answer::Done(self.done.clone()));
        }
    }
}

/// The turn, for one thread alone.
pub(crate) struct Turn<'a, C, E: Clone> {
    queue: &'a Queue<C, E>,
}

impl<C, E: Clone> Drop for Turn<'_, C, E> {
    fn drop(&mut self) {
        self.queue.pass();
    }
}
