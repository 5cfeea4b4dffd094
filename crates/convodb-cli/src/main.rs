//! `convodb`: a tool for the operators of a store file. `convodb --help` lists its commands.
//!
//! Invariant: it uses the crate's public API and nothing else.

mod arguments;
mod cells;
mod commands;
mod failure;
mod interrupt;
mod opening;
mod output;
mod progress;
mod texts;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser as _;

use arguments::Arguments;
use failure::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let subject = arguments.command.subject();
    // A bug is reported in one line, as any failure is.
    panic::set_hook(Box::new(|_| {}));
    let ran = panic::catch_unwind(AssertUnwindSafe(|| commands::run(arguments)));
    match ran.unwrap_or_else(|panic| Err(Failure::panicked(&*panic))) {
        Ok(verdict) => verdict.exit_code(),
        Err(failure) => {
            failure.report(subject.as_deref());
            failure.exit_code()
        }
    }
}
