//! Opening after a crash, with commands in the write-ahead log.
//!
//! The file is copied while the store is open and nothing of it can change: a killed process leaves
//! just that.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::cases::Bench;
use crate::check::Aftermath;
use crate::commands::{Commands, Pick};
use crate::engine::{Answers as _, Command, Engine as _, Kind};
use crate::engines::{Convodb, Logged};
use crate::measure::{Figure, micros};
use crate::report::markdown::number;

/// The commands in the log, besides as many as fill it. By default a checkpoint begins earlier.
pub(crate) const COMMANDS: [u32; 3] = [0, 1_000, 10_000];
pub(crate) const FULL: &str = "full";
const OPENINGS: usize = 3;
/// The log of an inbox that is small, so that few commands fill it.
const SMALL: u32 = 10_000;
const SMALL_WAL_BYTES: u64 = 256 << 10;

/// What opening one crash's file took.
struct Openings {
    logged: Logged,
    took: Figure,
}

impl Bench {
    /// Takes the file of convodb for itself.
    pub(crate) fn replay(&mut self, directory: &Path) -> Result<()> {
        let place = |(kind, _): &(Kind, _)| *kind == Kind::Convodb;
        let Some(place) = self.engines.iter().position(place) else {
            return Ok(());
        };
        let (_, mut engine) = self.engines.remove(place);
        engine.close()?;
        let mut live = Convodb::new(self.data.directory.clone(), directory);
        let mut commands = Commands::new(&self.data);
        // It is copied many times.
        live.pack(None)?;
        self.one_more(&mut live, &mut commands)?;
        let mut empty_us = 0.0;
        // A small inbox is asked for less.
        let size = self.data.size;
        for count in COMMANDS.into_iter().filter(|count| *count <= size) {
            self.bar.set_message(format!("replay/{count}"));
            let commands = commands.appends(count as usize, Pick::Uniform);
            let logged = live.fill_wal(&commands)?;
            let openings = self.openings_after(&mut live, &commands, logged, directory)?;
            if count == 0 {
                empty_us = openings.took.median;
            }
            self.record_replay(&count.to_string(), &openings, empty_us);
        }
        self.bar.set_message("replay/full");
        live.pack((size < SMALL).then_some(SMALL_WAL_BYTES))?;
        let (commands, logged) = live.fill_whole_wal(|| commands.append(Pick::Uniform))?;
        let openings = self.openings_after(&mut live, &commands, logged, directory)?;
        self.record_replay(FULL, &openings, empty_us);
        Ok(())
    }

    /// The length of a packed file, and what one message and its checkpoint make of it.
    fn one_more(&mut self, live: &mut Convodb, commands: &mut Commands) -> Result<()> {
        let packed = live.bytes()?;
        live.open()?;
        live.run(&commands.append(Pick::Uniform))?;
        live.checkpoint()?;
        let grown = live.bytes()?;
        live.close()?;
        live.pack(None)?;
        for (case, bytes) in [("file/packed", packed), ("file/one_more", grown)] {
            self.record(case, Kind::Convodb, "bytes", Figure::single(bytes as f64));
        }
        Ok(())
    }

    fn record_replay(&mut self, name: &str, openings: &Openings, empty_us: f64) {
        let took = openings.took;
        self.record(&format!("replay/{name}"), Kind::Convodb, "us", took);
        if openings.logged.commands == 0 {
            return;
        }
        let commands = openings.logged.commands as f64;
        let rate = commands / (took.median - empty_us).max(1.0) * 1e6;
        let case = format!("recovery/{name}");
        self.record(&case, Kind::Convodb, "commands/s", Figure::single(rate));
        self.notes.push(format!(
            "replay/{name}: {} commands, {} bytes, in the write-ahead log of convodb; recovery/{name} is \
             their number by the time beyond what an empty log takes.",
            number(commands).trim_end_matches(".0"),
            number(openings.logged.bytes as f64),
        ));
    }

    fn openings_after(
        &self,
        live: &mut Convodb,
        commands: &[Command],
        logged: Logged,
        directory: &Path,
    ) -> Result<Openings> {
        live.prepare(&self.plan)?;
        let crash = directory.join("crash");
        let place = |name: &str| {
            let place = crash.join(name);
            fs::create_dir_all(&place)?;
            anyhow::Ok(Convodb::new(self.data.directory.clone(), &place))
        };
        // Once it is copied, the store that is open goes on: its next checkpoint takes the log.
        let (killed, mut left) = (place("killed")?, place("left")?);
        live.copy_file(&killed)?;
        left.prepare(&self.plan)?;
        let mut took = Vec::new();
        for nth in 0..OPENINGS {
            killed.copy_file(&left)?;
            let started = Instant::now();
            left.open()?;
            black_box(left.counts()?);
            took.push(micros(started.elapsed()));
            if nth == 0 {
                let touched: Vec<_> = commands.iter().map(Command::target).collect();
                let expected = Aftermath::of(live, &touched)?;
                let after = Aftermath::of(&mut left, &touched)?;
                ensure!(after == expected, "a crash lost something");
            }
            left.close()?;
        }
        fs::remove_dir_all(&crash)?;
        live.close()?;
        Ok(Openings {
            logged,
            took: Figure::of(&mut took).context("no openings")?,
        })
    }
}
