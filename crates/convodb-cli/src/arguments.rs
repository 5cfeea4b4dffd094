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
use crate::failure::Failure;
use crate::place::Location;

/// Operates a convodb store, in a file, in a PostgreSQL database or behind a server:
/// imports, exports, lists, verifies, compacts, backs up and measures it.
///
/// One process has the file open at a time, or several that only read: while a
/// server has it open, it is locked, and --server asks the server. Only `import`,
/// `generate` and `demo` create a missing file.
///
/// With --server, and without DB, `list`, `show`, `stats`, `export`, `import`,
/// `backup`, `verify`, `compact` and `events` work on the store of a running server. The
/// environment variable CONVODB_API_KEY has the key.
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

    /// The store of a running server, such as http://127.0.0.1:8080, in place of DB
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// Wait so long for a file that another process has open, or for a server
    /// [default: 5 to write to a file, else 0]
    #[arg(long, global = true, value_name = "SECONDS")]
    pub(crate) wait: Option<u64>,
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
  convodb --server http://127.0.0.1:8080 backup backup.redb
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
    /// The store of the command, if its arguments have one.
    fn db(&self) -> Option<&Location> {
        match self {
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
            | Self::Bench(Bench { db, .. })
            | Self::Demo(Demo { db, .. }) => db.as_ref(),
            Self::List(list) => list.db.as_ref(),
            Self::Show(show) => show.db(),
            #[cfg(feature = "postgres")]
            Self::Migrate(Migrate { db, .. }) => Some(db),
            Self::Completions(_) | Self::Convert(_) => None,
        }
    }

    /// What a command that does not run on a server is, and what to do instead.
    pub(crate) fn without_server(&self) -> Option<Failure> {
        let (command, instead) = match self {
            Self::Repair(_) => ("repair", STOP),
            Self::Recover(_) => ("recover", STOP),
            Self::Bench(_) => ("bench", STOP),
            Self::Generate(_) => (
                "generate",
                "generate a file, and pipe its `export` into `import --lines -`",
            ),
            Self::Demo(_) => ("demo", "it makes a store of its own"),
            #[cfg(feature = "postgres")]
            Self::Migrate(_) => ("migrate", "give it the URL of the database"),
            Self::Convert(_) => ("convert", "it makes a file, which `import --lines` takes"),
            Self::Completions(_) => ("completions", "they are the same everywhere"),
            _ => return None,
        };
        Some(Failure::NoServer { command, instead })
    }
}

pub(crate) const STOP: &str = "stop the server, and run it on the store";

impl Arguments {
    /// The name of the store, if the arguments have one.
    pub(crate) fn subject(&self) -> Option<String> {
        match &self.server {
            Some(url) => Some(url.clone()),
            None => self.command.db()?.name(),
        }
    }

    /// Whether the store is in a database.
    #[cfg(feature = "postgres")]
    pub(crate) fn is_on_database(&self) -> bool {
        matches!(self.command.db(), Some(Location::Url(_)))
    }
}
