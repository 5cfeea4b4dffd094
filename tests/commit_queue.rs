//! The queue of those who want to write, its threads run in many orders by a scheduler that finds
//! lost wake-ups: who waits for ever is a deadlock there.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use shuttle::sync::Mutex;
use shuttle::thread;

mod sync {
    pub(super) use shuttle::sync::{Condvar, Mutex, MutexGuard};
    pub(super) use shuttle::thread::yield_now;
}

/// The queue's own source, with other threads and locks beneath it.
#[path = "../src/store/commit.rs"]
mod commit;

use commit::{Failure, Group, MAX_COMMANDS, Queue};

const ORDERS: usize = 1_000;

/// What the queue guards: the commands that were done, and whether somebody is at it.
#[derive(Default)]
struct Guarded {
    busy: Mutex<bool>,
    done: Mutex<Vec<usize>>,
    groups: Mutex<Vec<usize>>,
}

impl Guarded {
    fn enter(&self) {
        let was_busy = std::mem::replace(&mut *self.busy.lock().unwrap(), true);
        assert!(!was_busy, "two have the turn");
        thread::yield_now();
    }

    fn leave(&self) {
        *self.busy.lock().unwrap() = false;
    }

    /// Does every command of a group.
    fn lead(&self, group: &mut Group<'_, usize, &'static str>) -> Result<(), &'static str> {
        self.enter();
        let mut commands = 0;
        while let Some(command) = group.next_command() {
            commands += 1;
            self.done.lock().unwrap().push(command);
            thread::yield_now();
        }
        self.groups.lock().unwrap().push(commands);
        self.leave();
        Ok(())
    }
}

type Shared = Arc<(Queue<usize, &'static str>, Guarded)>;

fn shared() -> Shared {
    Arc::new((Queue::new(), Guarded::default()))
}

/// Runs so many threads, and waits for all of them.
fn each(threads: usize, shared: &Shared, run: impl Fn(&Shared, usize) + Send + Sync + 'static) {
    let run = Arc::new(run);
    let handles: Vec<_> = (0..threads)
        .map(|number| {
            let (shared, run) = (Arc::clone(shared), Arc::clone(&run));
            thread::spawn(move || run(&shared, number))
        })
        .collect();
    handles
        .into_iter()
        .for_each(|handle| handle.join().unwrap());
}

#[test]
fn every_command_is_done_once_and_those_of_a_thread_in_their_order() {
    shuttle::check_random(
        || {
            let shared = shared();
            each(4, &shared, |shared, number| {
                let (queue, guarded) = &**shared;
                for nth in 0..2 {
                    let done = queue.submit(2 * number + nth, |group| guarded.lead(group));
                    assert_eq!(done, Ok(()));
                    assert!(guarded.done.lock().unwrap().contains(&(2 * number + nth)));
                }
            });
            let done = shared.1.done.lock().unwrap();
            let mut sorted = done.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..8).collect::<Vec<_>>());
            for first in (0..8).step_by(2) {
                let place = |command| done.iter().position(|one| *one == command);
                assert!(place(first) < place(first + 1));
            }
        },
        ORDERS,
    );
}

#[test]
fn no_order_of_two_commands_and_a_turn_waits_for_ever_or_overlaps() {
    shuttle::check_dfs(
        || {
            let shared = shared();
            each(3, &shared, |shared, number| {
                let (queue, guarded) = &**shared;
                if number == 0 {
                    let turn = queue.turn();
                    let was_busy = std::mem::replace(&mut *guarded.busy.lock().unwrap(), true);
                    assert!(!was_busy);
                    *guarded.busy.lock().unwrap() = false;
                    drop(turn);
                } else {
                    let done = queue.submit(number, |group| {
                        while let Some(command) = group.next_command() {
                            guarded.done.lock().unwrap().push(command);
                        }
                        Ok(())
                    });
                    assert_eq!(done, Ok(()));
                }
            });
            assert_eq!(shared.1.done.lock().unwrap().len(), 2);
        },
        Some(20_000),
    );
}

#[test]
fn who_has_the_turn_hears_that_somebody_waits_and_of_nobody_once_none_does() {
    shuttle::check_random(
        || {
            let shared = shared();
            let (queue, guarded) = &*shared;
            let turn = queue.turn();
            assert!(!queue.is_waited_for());
            let other = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let (queue, guarded) = &*shared;
                    queue.submit(1, |group| guarded.lead(group))
                })
            };
            while !queue.is_waited_for() {
                thread::yield_now();
            }
            assert!(guarded.done.lock().unwrap().is_empty());
            drop(turn);
            assert_eq!(other.join().unwrap(), Ok(()));
            assert!(!queue.is_waited_for());
            assert_eq!(*guarded.done.lock().unwrap(), [1]);
        },
        ORDERS,
    );
}

#[test]
fn who_wants_to_be_alone_is_alone_and_gets_its_turn_in_the_midst_of_commands() {
    shuttle::check_random(
        || {
            let shared = shared();
            each(4, &shared, |shared, number| {
                let (queue, guarded) = &**shared;
                for nth in 0..2 {
                    if number == 0 {
                        let turn = queue.turn();
                        guarded.enter();
                        guarded.leave();
                        drop(turn);
                    } else {
                        let done = queue.submit(2 * number + nth, |group| guarded.lead(group));
                        assert_eq!(done, Ok(()));
                    }
                }
            });
            assert_eq!(shared.1.done.lock().unwrap().len(), 6);
        },
        ORDERS,
    );
}

#[test]
fn a_group_that_fails_tells_all_of_it_and_the_next_one_is_led() {
    shuttle::check_random(
        || {
            let shared = shared();
            each(4, &shared, |shared, number| {
                let (queue, guarded) = &**shared;
                let done = queue.submit(number, |group| {
                    guarded.enter();
                    let mut taken = Vec::new();
                    while let Some(command) = group.next_command() {
                        taken.push(command);
                        thread::yield_now();
                    }
                    guarded.leave();
                    if taken.contains(&0) {
                        return Err("the disk");
                    }
                    guarded.done.lock().unwrap().extend(taken);
                    Ok(())
                });
                let was_done = guarded.done.lock().unwrap().contains(&number);
                match done {
                    Ok(()) => assert!(was_done),
                    Err(failure) => {
                        assert_eq!(failure, Failure::Failed("the disk"));
                        assert!(!was_done);
                    }
                }
            });
        },
        ORDERS,
    );
}

#[test]
fn a_leader_that_panics_abandons_its_group_and_nobody_waits_for_ever() {
    shuttle::check_random(
        || {
            let shared = shared();
            each(4, &shared, |shared, number| {
                let (queue, guarded) = &**shared;
                let submitted = catch_unwind(AssertUnwindSafe(|| {
                    queue.submit(number, |group| {
                        if number == 0 {
                            while group.next_command().is_some() {
                                thread::yield_now();
                            }
                            // Without the hook's message, of which there would be thousands.
                            std::panic::resume_unwind(Box::new("a leader's panic"));
                        }
                        guarded.lead(group)
                    })
                }));
                match submitted {
                    Ok(Ok(())) => {}
                    Ok(Err(failure)) => assert_eq!(failure, Failure::Abandoned),
                    Err(_) => assert_eq!(number, 0),
                }
            });
            let after = shared.0.submit(9, |group| shared.1.lead(group));
            assert_eq!(after, Ok(()));
        },
        ORDERS,
    );
}

#[test]
fn a_lone_caller_leads_at_once_a_group_of_its_own() {
    shuttle::check_random(
        || {
            let shared = shared();
            let done = shared.0.submit(7, |group| shared.1.lead(group));
            assert_eq!(done, Ok(()));
            assert_eq!(*shared.1.groups.lock().unwrap(), [1]);
        },
        1,
    );
}

#[test]
fn no_group_is_larger_than_the_bound_however_many_wait() {
    shuttle::check_random(
        || {
            let shared = shared();
            each(MAX_COMMANDS + 20, &shared, |shared, number| {
                let (queue, guarded) = &**shared;
                assert_eq!(queue.submit(number, |group| guarded.lead(group)), Ok(()));
            });
            let groups = shared.1.groups.lock().unwrap();
            assert_eq!(groups.iter().sum::<usize>(), MAX_COMMANDS + 20);
            assert!(groups.iter().all(|group| *group <= MAX_COMMANDS));
        },
        3,
    );
}
