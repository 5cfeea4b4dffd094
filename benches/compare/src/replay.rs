//! Opening after a crash: what the journal of convodb adds to what the engine beneath needs.
//!
//! The files are copied while the store is open and nothing happens: a killed process leaves just
//! that.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::cases::Bench;
use crate::check::Aftermath;
use crate::commands::{Commands, Pick};
use crate::engine::{Command, Engine as _, Kind};
use crate::engines::{self, Convodb};
use crate::measure::{Figure, micros};
use crate::report::markdown::number;

/// The commands in the journal. By default a checkpoint begins after 2,000.
pub(crate) const COMMANDS: [u32; 3] = [0, 1_000, 10_000];
const OPENINGS: usize = 3;

/// What opening one crash's files took.
struct Openings {
    journal_bytes: u64,
    store: Figure,
    engine: Figure,
}

impl Bench {
    /// Takes the file of convodb for itself.
    pub(crate) fn replay(&mut self, directory: &Path) -> Result<()> {
        let place = |(kind, _): &(Kind, _)| *kind == Kind::Convodb;
        let Some(place) = self.engines.iter().position(place) else {
            return Ok(());
        };
        let (_, mut engine) = self.engines.remove(place);
        // It is copied many times.
        engine.compact()?;
        engine.close()?;
        let mut commands = Commands::new(&self.data);
        let mut empty_us = 0.0;
        // A small inbox is asked for less.
        let size = self.data.size;
        for count in COMMANDS.into_iter().filter(|count| *count <= size) {
            let case = format!("replay/{count}");
            self.bar.set_message(case.clone());
            let commands = commands.appends(count as usize + 1, Pick::Uniform);
            let openings = self.openings_after(&commands, directory)?;
            let Openings { store, engine, .. } = openings;
            self.record(&case, Kind::Convodb, "us", store);
            self.record(&case, Kind::Redb, "us", engine);
            if count == 0 {
                empty_us = store.median;
                continue;
            }
            let beyond = (store.median - engine.median) / 1e3;
            let each = (store.median - empty_us) / f64::from(count);
            self.notes.push(format!(
                "{case}: {} commands, {} bytes, in the journal of convodb take {} ms beyond what \
                 the engine beneath takes to recover the same file, and {} µs each beyond what an \
                 empty journal takes.",
                number(f64::from(count)).trim_end_matches(".0"),
                number(openings.journal_bytes as f64),
                number(beyond),
                number(each),
            ));
        }
        Ok(())
    }

    fn openings_after(&self, commands: &[Command], directory: &Path) -> Result<Openings> {
        let mut live = Convodb::new(self.data.directory.clone(), directory);
        let journal_bytes = live.fill_journal(commands)?;
        live.prepare(&self.plan)?;
        let crash = directory.join("crash");
        fs::create_dir_all(&crash)?;
        let mut left = Convodb::new(self.data.directory.clone(), &crash);
        left.prepare(&self.plan)?;
        let (mut store, mut engine) = (Vec::new(), Vec::new());
        for nth in 0..OPENINGS {
            live.copy_files(&left)?;
            let started = Instant::now();
            left.open_unchecked()?;
            black_box(left.counts()?);
            store.push(micros(started.elapsed()));
            if nth == 0 {
                let touched: Vec<_> = commands.iter().map(Command::target).collect();
                let expected = Aftermath::of(&mut live, &touched)?;
                let after = Aftermath::of(&mut left, &touched)?;
                ensure!(after == expected, "a crash lost something");
            }
            left.close()?;
            live.copy_files(&left)?;
            let started = Instant::now();
            let recovered = engines::recovered(left.path())?;
            engine.push(micros(started.elapsed()));
            drop(recovered);
        }
        fs::remove_dir_all(&crash)?;
        live.close()?;
        Ok(Openings {
            journal_bytes,
            store: Figure::of(&mut store).context("no openings")?,
            engine: Figure::of(&mut engine).context("no openings")?,
        })
    }
}
