//! A closed loop: each connection asks, waits for the answer, and asks the next.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result, ensure};
use compare::data::Rng;

use crate::cases::{Case, Work};
use crate::client::{Client, PATIENCE};
use crate::servers::Server;
use crate::traffic::{Request, Traffic};

/// Of all connections in a round, however fast the server is.
const MOST_REQUESTS: usize = 4_000_000;

/// A stream with an event has more bytes than the head of the answer.
const LEAST_STREAMED: u64 = 512;

/// One server's turn.
pub(crate) struct Round {
    /// Requests per second.
    pub(crate) rate: f64,
    /// In nanoseconds.
    pub(crate) latencies: Vec<u64>,
}

/// Drives a server for so long; the seed decides what is asked.
pub(crate) fn round(
    server: &Server,
    traffic: &Traffic,
    case: Case,
    seed: u64,
    time: Duration,
) -> Result<Round> {
    let ready = Barrier::new(case.connections);
    let connection = |number: usize| {
        let mut rng = Rng::new(Rng::new(seed).next() ^ number as u64);
        let client = Client::connect(server.address);
        // A client that failed to connect comes too, as all others wait.
        ready.wait();
        turn(client?, traffic, case, &mut rng, time)
    };
    let turns = thread::scope(|scope| {
        let company = Company::start(scope, server, traffic, case, seed)?;
        let spawn = |number| {
            let connection = &connection;
            scope.spawn(move || connection(number))
        };
        let threads: Vec<_> = (0..case.connections).map(spawn).collect();
        let turns = threads.into_iter().map(joined).collect::<Result<Vec<_>>>();
        company.end().and(turns)
    })
    .with_context(|| format!("{} over {}", case.name(), server.name.as_str()))?;
    let begun = turns.iter().map(|turn| turn.begun).min();
    let ended = turns.iter().map(|turn| turn.ended).max();
    let (begun, ended) = begun.zip(ended).context("no connections")?;
    let latencies: Vec<u64> = turns.into_iter().flat_map(|turn| turn.latencies).collect();
    let seconds = ended.duration_since(begun).as_secs_f64();
    Ok(Round {
        rate: latencies.len() as f64 / seconds,
        latencies,
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    let joined = thread.join();
    joined.map_err(|_| Error::msg("a connection panicked"))?
}

/// What goes on beside the connections that are measured. It ends when it is dropped.
struct Company<'scope> {
    stop: Arc<AtomicBool>,
    threads: Vec<ScopedJoinHandle<'scope, Result<()>>>,
}

impl<'scope> Company<'scope> {
    fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        server: &Server,
        traffic: &'env Traffic,
        case: Case,
        seed: u64,
    ) -> Result<Self> {
        let mut company = Self {
            stop: Arc::default(),
            threads: Vec::new(),
        };
        for number in 0..case.connections as u64 {
            let stop = Arc::clone(&company.stop);
            let thread = match case.work {
                Work::Beside => {
                    let client = Client::connect(server.address)?;
                    let mut rng = Rng::new(Rng::new(!seed).next() ^ number);
                    scope.spawn(move || write(client, traffic, &mut rng, &stop))
                }
                Work::Streams => {
                    let mut client = Client::connect(server.address)?;
                    let opened = client.open(&Request::get("/v1/events/stream").bytes)?;
                    scope.spawn(move || stream(client, opened, &stop))
                }
                _ => break,
            };
            company.threads.push(thread);
        }
        Ok(company)
    }

    /// Ends it, when each stream has had an event.
    fn end(mut self) -> Result<()> {
        let threads = std::mem::take(&mut self.threads);
        drop(self);
        threads.into_iter().try_for_each(joined)
    }
}

impl Drop for Company<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Reads a stream until it is to stop and has had an event.
fn stream(mut client: Client, mut bytes: u64, stop: &AtomicBool) -> Result<()> {
    let begun = Instant::now();
    while bytes <= LEAST_STREAMED || !stop.load(Ordering::Relaxed) {
        bytes += client.more()?;
        ensure!(
            bytes > LEAST_STREAMED || begun.elapsed() < PATIENCE,
            "a stream has no events"
        );
    }
    Ok(())
}

/// Gives messages until it is to stop.
fn write(mut client: Client, traffic: &Traffic, rng: &mut Rng, stop: &AtomicBool) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let request = traffic.draw(Work::Receive, rng);
        let answer = client.ask(&request.bytes)?;
        ensure!(
            answer.status == request.expected,
            "{} to a message",
            answer.status
        );
    }
    Ok(())
}

struct Turn {
    begun: Instant,
    ended: Instant,
    latencies: Vec<u64>,
}

fn turn(
    mut client: Client,
    traffic: &Traffic,
    case: Case,
    rng: &mut Rng,
    time: Duration,
) -> Result<Turn> {
    let begun = Instant::now();
    let mut latencies = Vec::new();
    // At least one, so that every case has a figure.
    loop {
        let request = traffic.draw(case.work, rng);
        let asked = Instant::now();
        let answer = client.ask(&request.bytes)?;
        latencies.push(asked.elapsed().as_nanos() as u64);
        ensure!(
            answer.status == request.expected,
            "{} and not {}: {}",
            answer.status,
            request.expected,
            String::from_utf8_lossy(answer.body)
        );
        if begun.elapsed() >= time || latencies.len() >= MOST_REQUESTS / case.connections {
            break;
        }
    }
    Ok(Turn {
        begun,
        ended: Instant::now(),
        latencies,
    })
}
