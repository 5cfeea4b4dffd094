//! The commands, one module each.

pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod compact;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod demo;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod import;
pub(crate) mod list;
#[cfg(feature = "postgres")]
pub(crate) mod migrate;
pub(crate) mod recover;
pub(crate) mod show;
pub(crate) mod stats;
pub(crate) mod verify;

use std::process::ExitCode;
use std::time::Duration;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;
use crate::output::Output;
use crate::place::{Location, Place, Workspace};
use crate::server::Server;

/// The result of a command that did not fail.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    Success,
    Findings,
}

impl Verdict {
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Success => ExitCode::SUCCESS,
            Self::Findings => ExitCode::from(1),
        }
    }
}

/// What every command works with.
pub(crate) struct Tool {
    pub(crate) output: Output,
    /// How long to wait for a file that another process has open, or a server that cannot be reached.
    pub(crate) wait: Wait,
    /// The server in place of a store.
    server: Option<String>,
}

/// How long to wait, if it was given.
#[derive(Clone, Copy)]
pub(crate) struct Wait(Option<Duration>);

impl Wait {
    /// Not at all.
    pub(crate) const NOT: Self = Self(Some(Duration::ZERO));

    /// For what shares the file with others that read.
    pub(crate) fn to_read(self) -> Duration {
        self.0.unwrap_or_default()
    }

    /// For what takes the file for itself: those that read have it open for moments.
    pub(crate) fn to_write(self) -> Duration {
        self.0.unwrap_or(Duration::from_secs(5))
    }
}

impl Tool {
    /// What a command on any store opens.
    pub(crate) fn place<'a>(
        &self,
        db: Option<&'a Location>,
        workspace: &Workspace,
    ) -> Result<Place<'a>, Failure> {
        match (&self.server, db) {
            (Some(url), None) => {
                workspace.is_of_server()?;
                Ok(Place::Server(Server::new(url)?))
            }
            (Some(_), Some(db)) => {
                let name = db.name().unwrap_or_default();
                let reason = format!("{name}: there is no DB beside --server");
                Err(Failure::Usage(reason))
            }
            (None, db) => workspace.of(given(db)?),
        }
    }

    /// What a command on a file or a server opens.
    pub(crate) fn file<'a>(
        &self,
        db: Option<&'a Location>,
        command: &'static str,
        instead: &'static str,
    ) -> Result<Place<'a>, Failure> {
        if let (None, Some(db)) = (&self.server, db) {
            return db.file(command, instead).map(Place::File);
        }
        self.place(db, &Workspace::default())
    }
}

/// The store, where there is no server.
pub(crate) fn given(db: Option<&Location>) -> Result<&Location, Failure> {
    db.ok_or_else(|| {
        let reason = "DB is missing: a file, the URL of a database, or --server URL in its place";
        Failure::Usage(reason.to_owned())
    })
}

pub(crate) fn run(arguments: Arguments) -> Result<Verdict, Failure> {
    if arguments.server.is_some()
        && let Some(failure) = arguments.command.without_server()
    {
        return Err(failure);
    }
    #[cfg(feature = "postgres")]
    if arguments.is_on_database() {
        return execute(arguments).map_err(|failure| match failure {
            Failure::Store(error) => crate::postgres::failed(error),
            failure => failure,
        });
    }
    execute(arguments)
}

fn execute(arguments: Arguments) -> Result<Verdict, Failure> {
    let mut tool = Tool {
        output: Output::new(arguments.json),
        wait: Wait(arguments.wait.map(Duration::from_secs)),
        server: arguments.server,
    };
    let done = match arguments.command {
        Command::Import(import) => return import.run(&mut tool),
        Command::Convert(convert) => return convert.run(&mut tool),
        Command::Export(export) => export.run(&mut tool),
        Command::List(list) => list.run(&mut tool),
        Command::Show(show) => show.run(&mut tool),
        Command::Stats(stats) => stats.run(&mut tool),
        Command::Verify(verify) => return verify.run(&mut tool),
        Command::Repair(repair) => return repair.run(&mut tool),
        Command::Recover(recover) => recover.run(&mut tool),
        Command::Compact(compact) => compact.run(&mut tool),
        Command::Backup(backup) => backup.run(&mut tool),
        Command::Events(events) => events.run(&mut tool),
        Command::Generate(generate) => generate.run(&mut tool),
        Command::Bench(bench) => bench.run(&mut tool),
        Command::Demo(demo) => return demo.run(&mut tool),
        #[cfg(feature = "postgres")]
        Command::Migrate(migrate) => migrate.run(&mut tool),
        Command::Completions(completions) => completions.run(&mut tool),
    };
    done.map(|()| Verdict::Success)
}
