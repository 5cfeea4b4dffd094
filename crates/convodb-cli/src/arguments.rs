//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::backup::Backup;
use crate::commands::bench::Bench;
use crate::commands::compact::Compact;
use crate::commands::completions::Completions;
use crate::commands::convert::Convert;
use crate::commands::demo::Demo;
use crate::commands::events::Events;
use crate::commands::export::Export;
use crate::commands::generate::Generate;
use crate::commands::import::Import;
use crate::commands::list::List;
#[cfg(feature = "postgres")]
use crate::commands::migrate::Migrate;
use crate::commands::recover::Recover;
use crate::commands::show::Show;
use crate::commands::stats::ShowStats;
use crate::commands::verify::{Repair, Verify};

/// Operates a convodb store, in a file or in a PostgreSQL database: imports, exports,
/// lists, verifies, compacts, backs up and measures it.
///
/// One process has the file open at a time, or several that only read: while a
/// service has it open, it is locked, and --wait waits. Only `import`, `generate` and `demo` create a missing file.
///
/// In place of a file, `import`, `export`, `list`, `show`, `stats`, `verify`, `repair`
/// and `events` take the URL of a database whose schema `migrate` has made,
/// `postgres://user@host/database` or `host=.. user=.. dbname=..`, and --workspace. Any
/// number of processes use a workspace at a time. The environment variable PGPASSWORD
/// may have the password, which is then in no list of processes.
#[derive(Parser)]
#[command(name = "convodb", version, verbatim_doc_comment)]
#[command(after_help = AFTER_HELP, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Wait so long for a file that another process has open, or for a server
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 0)]
    #[arg(hide_default_value = true)]
    pub(crate) wait: u64,
}

const AFTER_HELP: &str = "\
Exit codes:
  0    success
  1    findings: verify or repair found differences in the store, lines of
       `import --lines` were rejected, or convert left something out
  2    usage: invalid arguments
  3    failure: the store or another file is missing, locked, damaged or of
       another kind, the server cannot be reached or refuses the role, the store
       rejected the command, or the reader of the output has closed it
  130  interrupted: import and generate then have stored nothing, `import --lines`
       goes on when it is run again; compact, backup and recover end first what they
       have begun

A command that fails prints the reason in one line on standard error.

Examples:
  convodb demo
  convodb generate --size 10000 inbox.redb
  convodb list inbox.redb --channel whatsapp,webchat --assigned-to unassigned
  convodb export inbox.redb | gzip > inbox.ndjson.gz
  zcat inbox.ndjson.gz | convodb import - copy.redb
  convodb convert chatwoot tables/ > history.ndjson
  convodb import --lines history.ndjson inbox.redb
  convodb verify inbox.redb && convodb backup inbox.redb backup.redb
  convodb backup inbox.redb - | gzip > backup.redb.gz
  convodb migrate postgres://owner@db/support
  convodb export inbox.redb > inbox.ndjson
  convodb import --lines inbox.ndjson postgres://owner@db/support
  convodb export postgres://owner@db/support | convodb import - copy.redb";

#[derive(Subcommand)]
pub(crate) enum Command {
    Import(Import),
    Convert(Convert),
    Export(Export),
    List(Box<List>),
    Show(Show),
    Stats(ShowStats),
    Verify(Verify),
    Repair(Repair),
    Recover(Recover),
    Compact(Compact),
    Backup(Backup),
    Events(Events),
    Generate(Generate),
    Bench(Bench),
    Demo(Demo),
    #[cfg(feature = "postgres")]
    Migrate(Migrate),
    Completions(Completions),
}

impl Command {
    /// The name of the store of the command, if its arguments have one.
    pub(crate) fn subject(&self) -> Option<String> {
        let db = match self {
            Self::Import(Import { db, .. })
            | Self::Export(Export { db, .. })
            | Self::Stats(ShowStats { db, .. })
            | Self::Verify(Verify { db, .. })
            | Self::Repair(Repair { db, .. })
            | Self::Recover(Recover { db, .. })
            | Self::Compact(Compact { db })
            | Self::Backup(Backup { db, .. })
            | Self::Events(Events { db, .. })
            | Self::Generate(Generate { db, .. })
            | Self::Bench(Bench { db, .. }) => db,
            Self::List(list) => &list.db,
            Self::Show(show) => show.db(),
            #[cfg(feature = "postgres")]
            Self::Migrate(Migrate { db, .. }) => db,
            Self::Demo(Demo { db, .. }) => db.as_ref()?,
            Self::Completions(_) | Self::Convert(_) => return None,
        };
        db.name()
    }
}
