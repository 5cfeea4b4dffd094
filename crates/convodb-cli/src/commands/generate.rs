//! `generate`: fills a store for tests and experiments.

mod data;

use std::time::Instant;

use clap::Args;
use convodb::Transaction;
use convodb::prelude::*;
use indicatif::ProgressBar;

use super::import::Imported;
use super::{Tool, given};
use crate::failure::Failure;
use crate::opening;
use crate::place::Location;
use crate::texts::took;
use crate::{interrupt, progress};
use data::Dataset;

/// What there is in place of it for a database.
const INSTEAD: &str = "generate a file, and pipe its `export` into `import --lines - URL`";

/// Fill a store with generated conversations
///
/// A seed and a size always generate the same conversations, with ids and times in
/// 2025: one to eight messages each, receipts, notes, unread messages, users and
/// teams. It stores all of them or, after a failure, nothing.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Generate {
    /// The store; a missing file is created
    #[arg(value_name = "DB")]
    pub(crate) db: Option<Location>,

    /// The number of conversations, 1 to 10,000,000
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    size: u32,

    /// The seed; another one generates other conversations
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl Generate {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        interrupt::watch()?;
        let begun = Instant::now();
        let opened = opening::or_new(
            given(self.db.as_ref())?.file("generate", INSTEAD)?,
            tool.wait,
        )?;
        let data = Dataset::new(self.seed, self.size);
        let bar = progress::counted("generating", self.size.into());
        let stored = opened
            .store
            .transaction(|tx| store_in(tx, &data, self.size, &bar));
        bar.finish_and_clear();
        let generated = opened.leave(stored)?;
        let seconds = begun.elapsed();
        tool.output.print(&generated, |_| {
            format!("generated {} in {}", generated.text(), took(seconds))
        })
    }
}

fn store_in(
    tx: &Transaction<'_>,
    data: &Dataset,
    size: u32,
    bar: &ProgressBar,
) -> Result<Imported, Failure> {
    let mut generated = Imported::default();
    for (user, name) in data.users() {
        tx.save_user(&user, &name)?;
        generated.users += 1;
    }
    for (team, name) in data.teams() {
        tx.save_team(&team, &name)?;
        generated.teams += 1;
    }
    let conversations = (0..size).map_while(|number| {
        // What came before is rolled back below.
        if interrupt::is_requested() {
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
