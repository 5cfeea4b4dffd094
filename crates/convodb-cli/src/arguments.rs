//! What the command line may say.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands::backup::Backup;
use crate::commands::bench::Bench;
use crate::commands::compact::Compact;
use crate::commands::completions::Completions;
use crate::commands::events::Events;
use crate::commands::export::Export;
use crate::commands::generate::Generate;
use crate::commands::import::Import;
use crate::commands::list::List;
use crate::commands::show::Show;
use crate::commands::stats::ShowStats;
use crate::commands::verify::{Repair, Verify};

/// Looks after the file of a convodb store: imports and exports it, shows and
/// checks what it holds, packs, copies and measures it.
///
/// One process has a file at a time: while a service has it open, it is locked.
/// Only `import` and `generate` create a file that is missing.
#[derive(Parser)]
#[command(name = "convodb", version, verbatim_doc_comment)]
#[command(after_help = AFTER_HELP, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Skip the check of the whole file on opening
    ///
    /// Files up to 1 GiB are checked, about 1.5 seconds a GiB. Without it, damage
    /// can go unnoticed until the damaged part is read.
    #[arg(long, global = true, verbatim_doc_comment)]
    pub(crate) no_check: bool,
}

const AFTER_HELP: &str = "\
Exit codes:
  0    fine
  1    findings: verify or repair found what is wrong with the store
  2    usage: the command line says what cannot be
  3    failed: the store or a file is missing, locked, damaged or of another
       kind, refuses what was asked, or the output's reader has gone
  130  interrupted: import and generate then have stored nothing

Whatever fails says why in one line on standard error.

Examples:
  convodb generate --size 10000 inbox.redb
  convodb list inbox.redb --channel whatsapp,webchat --assigned-to unassigned
  convodb export inbox.redb | gzip > inbox.ndjson.gz
  zcat inbox.ndjson.gz | convodb import - copy.redb
  convodb verify inbox.redb && convodb backup inbox.redb backup.redb";

#[derive(Subcommand)]
pub(crate) enum Command {
    Import(Import),
    Export(Export),
    List(List),
    Show(Show),
    Stats(ShowStats),
    Verify(Verify),
    Repair(Repair),
    Compact(Compact),
    Backup(Backup),
    Events(Events),
    Generate(Generate),
    Bench(Bench),
    Completions(Completions),
}

impl Command {
    /// The file that the command is about.
    pub(crate) fn subject(&self) -> Option<PathBuf> {
        Some(match self {
            Self::Import(Import { db, .. })
            | Self::Export(Export { db })
            | Self::List(List { db, .. })
            | Self::Stats(ShowStats { db })
            | Self::Verify(Verify { db })
            | Self::Repair(Repair { db })
            | Self::Compact(Compact { db })
            | Self::Backup(Backup { db, .. })
            | Self::Events(Events { db, .. })
            | Self::Generate(Generate { db, .. })
            | Self::Bench(Bench { db, .. }) => db.clone(),
            Self::Show(show) => show.db(),
            Self::Completions(_) => return None,
        })
    }
}
