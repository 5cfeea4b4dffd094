//! The queue of group commits. Its threads run in many orders under a scheduler that finds lost
//! wake-ups: a thread that waits for ever is a deadlock there.
//!
//! It needs `RUSTFLAGS="--cfg shuttle"`, which gives the queue the scheduler's locks.

#![cfg(shuttle)]
#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use convodb::group_commit::{Failure, Group, MAX_COMMANDS, Queue};
use shuttle::sync::Mutex;
use shuttle::thread;

const ORDERS: usize = 1_000;

/// What the queue guards: the commands that ran, and whether a thread holds the lock.
#[derive(Default)]
struct Guarded {
    busy: Mutex<bool>,
    done: Mutex<Vec<usize>>,
    groups: Mutex<Vec<usize>>,
}

impl Guarded {
    fn enter(&self) {
        let was_busy = std::mem::replace(&mut *self.busy.lock().unwrap(), true);
        assert!(!was_busy, "two threads hold the lock");
        thread::yield_now();
    }

    fn leave(&self) {
        *self.busy.lock().unwrap() = false;
    }

    /// Runs every command of a group.
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

/// Runs this many threads, and waits for all of them.
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
fn every_command_runs_once_and_those_of_a_thread_in_order() {
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
fn no_order_of_two_commands_and_a_lock_deadlocks_or_overlaps() {
    shuttle::check_dfs(
        || {
            let shared = shared();
            each(3, &shared, |shared, number| {
                let (queue, guarded) = &**shared;
                if number == 0 {
                    let lock = queue.lock_writer();
                    let was_busy = std::mem::replace(&mut *guarded.busy.lock().unwrap(), true);
                    assert!(!was_busy);
                    *guarded.busy.lock().unwrap() = false;
                    drop(lock);
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
fn the_holder_of_the_lock_can_see_whether_a_request_waits() {
    shuttle::check_random(
        || {
            let shared = shared();
            let (queue, guarded) = &*shared;
            let lock = queue.lock_writer();
            assert!(!queue.is_contended());
            let other = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let (queue, guarded) = &*shared;
                    queue.submit(1, |group| guarded.lead(group))
                })
            };
            while !queue.is_contended() {
                thread::yield_now();
            }
            assert!(guarded.done.lock().unwrap().is_empty());
            drop(lock);
            assert_eq!(other.join().unwrap(), Ok(()));
            assert!(!queue.is_contended());
            assert_eq!(*guarded.done.lock().unwrap(), [1]);
        },
        ORDERS,
    );
}

#[test]
fn a_request_for_the_lock_is_granted_between_commands_and_excludes_them() {
    shuttle::check_random(
        || {
            let shared = shared();
            each(4, &shared, |shared, number| {
                let (queue, guarded) = &**shared;
                for nth in 0..2 {
                    if number == 0 {
                        let lock = queue.lock_writer();
                        guarded.enter();
                        guarded.leave();
                        drop(lock);
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
fn a_failed_group_notifies_its_members_and_the_next_one_runs() {
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
fn a_leader_that_panics_abandons_its_group_and_no_thread_deadlocks() {
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
fn a_single_caller_leads_a_group_of_one_at_once() {
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
fn no_group_exceeds_the_bound() {
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

/// The committer: leads the groups of detached commands until the queue ends.
fn committer(shared: &Shared) -> thread::JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || while shared.0.lead_next(|group| shared.1.lead(group)) {})
}

#[test]
fn detached_commands_run_once_in_order_of_arrival_beside_others_before_the_queue_ends() {
    shuttle::check_random(
        || {
            let shared = shared();
            let committer = committer(&shared);
            let notified = Arc::new(Mutex::new(Vec::new()));
            let own = Arc::clone(&notified);
            each(3, &shared, move |shared, number| {
                let (queue, guarded) = &**shared;
                for nth in 0..2 {
                    let command = 2 * number + nth;
                    if number == 0 {
                        let done = queue.submit(command, |group| guarded.lead(group));
                        assert_eq!(done, Ok(()));
                    } else {
                        let own = Arc::clone(&own);
                        queue.submit_detached(command, move |done| {
                            assert_eq!(done, Ok(()));
                            own.lock().unwrap().push(command);
                        });
                    }
                }
            });
            shared.0.end();
            committer.join().unwrap();
            let done = shared.1.done.lock().unwrap();
            let mut sorted = done.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..6).collect::<Vec<_>>());
            for first in (0..6).step_by(2) {
                let place = |command| done.iter().position(|one| *one == command);
                assert!(place(first) < place(first + 1));
            }
            assert_eq!(notified.lock().unwrap().len(), 4);
        },
        ORDERS,
    );
}

#[test]
fn a_detached_command_and_a_lock_never_deadlock() {
    shuttle::check_dfs(
        || {
            let shared = shared();
            let committer = committer(&shared);
            let locking = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || drop(shared.0.lock_writer()))
            };
            shared.0.submit_detached(1, |done| assert_eq!(done, Ok(())));
            // It may hold the lock still: the committer ends behind it.
            shared.0.end();
            committer.join().unwrap();
            locking.join().unwrap();
            assert_eq!(*shared.1.done.lock().unwrap(), [1]);
        },
        Some(20_000),
    );
}

#[test]
fn a_group_that_fails_before_its_first_command_ends_with_that_command() {
    shuttle::check_random(
        || {
            let queue = Arc::new(Queue::<usize, &str>::new());
            let own = Arc::clone(&queue);
            let committer = thread::spawn(move || while own.lead_next(|_| Err("closed")) {});
            let failed = Arc::new(Mutex::new(0));
            for command in 0..3 {
                let failed = Arc::clone(&failed);
                queue.submit_detached(command, move |done| {
                    assert_eq!(done, Err(Failure::Failed("closed")));
                    *failed.lock().unwrap() += 1;
                });
            }
            queue.end();
            committer.join().unwrap();
            assert_eq!(*failed.lock().unwrap(), 3);
        },
        ORDERS,
    );
}
