//! Commands by many threads at once: each on its own, or gathered by hand into groups.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Error, Result};

use crate::engine::{Command, Flood};

fn gather(threads: Vec<Result<Vec<std::time::Duration>>>, started: Instant) -> Result<Flood> {
    let wall = started.elapsed();
    let latencies = threads.into_iter().collect::<Result<Vec<_>>>()?.concat();
    Ok(Flood { wall, latencies })
}

fn joined<T>(handle: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    handle.join().map_err(|_| Error::msg("a thread panicked"))?
}

/// Every thread runs its commands by itself; `state` is what it has of its own.
pub(super) fn alone<S: Send>(
    commands: &[Vec<Command>],
    states: Vec<S>,
    run: impl Fn(&mut S, &Command) -> Result<()> + Sync,
) -> Result<Flood> {
    let run = &run;
    let started = Instant::now();
    let threads = thread::scope(|scope| {
        let spawn = |(commands, mut state): (&Vec<Command>, S)| {
            let commands = commands.clone();
            scope.spawn(move || {
                let timed = |command: &Command| {
                    let begun = Instant::now();
                    run(&mut state, command)?;
                    Ok(begun.elapsed())
                };
                commands.iter().map(timed).collect()
            })
        };
        let handles: Vec<_> = commands.iter().zip(states).map(spawn).collect();
        handles.into_iter().map(joined).collect()
    });
    gather(threads, started)
}

/// Every thread hands its commands to this one, which commits what has come as one transaction
/// and then answers all of them.
pub(super) fn grouped(
    commands: &[Vec<Command>],
    mut commit: impl FnMut(&[Command]) -> Result<()>,
) -> Result<Flood> {
    let (sender, receiver) = mpsc::channel::<(Command, Sender<()>)>();
    let started = Instant::now();
    let threads = thread::scope(|scope| {
        let spawn = |commands: &Vec<Command>| {
            let commands = commands.clone();
            let sender = sender.clone();
            scope.spawn(move || client(commands, &sender))
        };
        let handles: Vec<_> = commands.iter().map(spawn).collect();
        drop(sender);
        let committed = serve(&receiver, &mut commit);
        // After an error of the commit, no thread must wait for an answer.
        drop(receiver);
        let mut threads: Vec<_> = handles.into_iter().map(joined).collect();
        threads.extend(committed.err().map(Err));
        threads
    });
    gather(threads, started)
}

fn client(
    commands: Vec<Command>,
    sender: &Sender<(Command, Sender<()>)>,
) -> Result<Vec<std::time::Duration>> {
    let (done, committed) = mpsc::channel();
    let timed = |command| {
        let begun = Instant::now();
        sender
            .send((command, done.clone()))
            .context("the writer gave up")?;
        committed.recv().context("the writer gave up")?;
        Ok(begun.elapsed())
    };
    commands.into_iter().map(timed).collect()
}

fn serve(
    receiver: &Receiver<(Command, Sender<()>)>,
    commit: &mut impl FnMut(&[Command]) -> Result<()>,
) -> Result<()> {
    let (mut group, mut waiting) = (Vec::new(), Vec::new());
    while let Ok(first) = receiver.recv() {
        let mut came = vec![first];
        // Those that were answered just now come with their next command in a moment: as long as
        // somebody does, it pays to wait for others, each of whom saves a sync.
        while !came.is_empty() {
            for (command, done) in came.drain(..) {
                group.push(command);
                waiting.push(done);
            }
            thread::yield_now();
            came.extend(receiver.try_iter());
        }
        commit(&group)?;
        group.clear();
        for done in waiting.drain(..) {
            // A thread that is gone has said why.
            let _ = done.send(());
        }
    }
    Ok(())
}
