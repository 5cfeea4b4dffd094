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
    pub(crate) wait: Duration,
}

pub(crate) fn run(arguments: Arguments) -> Result<Verdict, Failure> {
    let mut tool = Tool {
        output: Output::new(arguments.json),
        wait: Duration::from_secs(arguments.wait),
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
