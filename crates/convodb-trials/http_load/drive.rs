//! A closed loop: each connection asks, waits for the answer, and asks the next.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result, ensure};
use compare::data::Rng;

use crate::cases::Case;
use crate::client::Client;
use crate::servers::Server;
use crate::traffic::Traffic;

/// Of all connections in a round, however fast the server is.
const MOST_REQUESTS: usize = 4_000_000;

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
        let spawn = |number| {
            let connection = &connection;
            scope.spawn(move || connection(number))
        };
        let threads: Vec<_> = (0..case.connections).map(spawn).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            let joined = thread.join();
            joined.map_err(|_| Error::msg("a connection panicked"))?
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>>>()
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
