//! The threads that call the store, so that no call of it blocks the runtime.
//!
//! Invariant: both the threads and what waits for one are bounded. Where no more can wait, a request is
//! refused at once: it costs its client a retry, and the server no memory.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A number of threads, and a queue before them.
pub(crate) struct Pool {
    jobs: SyncSender<Job>,
}

/// Why a job has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// The queue is full: it was not begun.
    Full,
    /// It panicked.
    Panicked,
}

impl Pool {
    /// So many threads, before which so many jobs may wait.
    pub(crate) fn new(threads: usize, waiting: usize) -> io::Result<Self> {
        let (jobs, queue) = sync_channel(waiting);
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name(format!("store-{number}"))
                .spawn(move || work(&queue))?;
        }
        Ok(Self { jobs })
    }

    /// Runs a job on one of the threads. One whose caller has gone before its turn is not begun.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failed> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            if !answer.is_closed() {
                // Nobody may be there any more to take it.
                let _ = answer.send(job());
            }
        });
        match self.jobs.try_send(job) {
            Ok(()) => answered.await.map_err(|_| Failed::Panicked),
            Err(TrySendError::Full(_)) => Err(Failed::Full),
            // The threads end with the pool alone.
            Err(TrySendError::Disconnected(_)) => Err(Failed::Panicked),
        }
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else {
            return;
        };
        // The panic's own hook has told of it, and the job's caller learns by the answer that is
        // dropped. The thread goes on.
        let _ = panic::catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_its_own_jobs_alone() -> io::Result<()> {
        let pool = Pool::new(1, 1)?;
        #[expect(clippy::panic, reason = "what happens then is the test")]
        let panicked = pool.run(|| panic!("once")).await;
        assert_eq!(panicked, Err::<(), _>(Failed::Panicked));
        assert_eq!(pool.run(|| 7).await, Ok(7));
        Ok(())
    }

    #[tokio::test]
    async fn what_finds_no_place_to_wait_is_refused_and_what_waits_without_a_caller_is_not_begun()
    -> io::Result<()> {
        let pool = Arc::new(Pool::new(1, 1)?);
        let (release, held) = sync_channel::<()>(0);
        let (begun, begins) = oneshot::channel();
        let busy = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move {
                let job = move || {
                    let _ = begun.send(());
                    let _ = held.recv();
                };
                pool.run(job).await
            }
        });
        let _ = begins.await;

        let (tell, told) = sync_channel(1);
        let mut waiting = Box::pin(pool.run(move || tell.send(())));
        assert_eq!(polled_once(waiting.as_mut()).await, None);
        assert_eq!(pool.run(|| ()).await, Err(Failed::Full));

        drop(waiting);
        let _ = release.send(());
        assert_eq!(busy.await.ok(), Some(Ok(())));
        // Until the thread has come to it, what nobody waits for has its place.
        while pool.run(|| ()).await == Err(Failed::Full) {
            tokio::task::yield_now().await;
        }
        assert!(told.recv().is_err(), "its caller had gone");
        Ok(())
    }

    async fn polled_once<F: Future + Unpin>(future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = std::future::ready(()) => None,
        }
    }
}
