//! `generate`: a store to try things on.

mod data;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use convodb::Transaction;
use indicatif::ProgressBar;

use super::Tool;
use super::import::Imported;
use crate::failure::Failure;
use crate::words::took;
use crate::{interrupt, progress};
use data::Dataset;

/// Fill a store with made-up conversations
///
/// Of one seed and size they are the same ones each time, with their ids and times
/// in 2025: a few messages each, receipts, notes, what is unread, and a directory
/// that they are assigned in. Like an import it stores all or nothing.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Generate {
    /// The store, which is created where it is missing
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,

    /// How many conversations, to 10,000,000
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    size: u32,

    /// What all of it follows from; another seed gives other conversations
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl Generate {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        interrupt::watch()?;
        let begun = Instant::now();
        let opened = tool.opening.or_new(&self.db)?;
        let data = Dataset::new(self.seed, self.size);
        let bar = progress::counted("generating", self.size.into());
        let stored = opened
            .store
            .transaction(|tx| store_in(tx, &data, self.size, &bar));
        bar.finish_and_clear();
        let generated = opened.leave(stored)?;
        let seconds = begun.elapsed();
        tool.output.answer(&generated, |_| {
            format!("generated {} in {}", generated.told(), took(seconds))
        })
    }
}

fn store_in(
    tx: &mut Transaction<'_>,
    data: &Dataset,
    size: u32,
    bar: &ProgressBar,
) -> Result<Imported, Failure> {
    let mut generated = Imported::default();
    for (user, name) in data.users() {
        tx.put_user(&user, &name)?;
        generated.users += 1;
    }
    for (team, name) in data.teams() {
        tx.put_team(&team, &name)?;
        generated.teams += 1;
    }
    let conversations = (0..size).map_while(|number| {
        // What came so far is given up below.
        if interrupt::is_asked() {
            return None;
        }
        let import = data.conversation(number)?;
        generated.count(&import);
        bar.inc(1);
        Some(import)
    });
    tx.import_all(conversations)?;
    interrupt::check()?;
    Ok(generated)
}
