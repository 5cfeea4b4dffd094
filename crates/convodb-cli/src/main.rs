//! `convodb`: the tool of who looks after a store's file. `convodb --help` tells of its commands.
//!
//! Invariant: it knows of the store what the crate's public API tells, and nothing else.

mod arguments;
mod commands;
mod failure;
mod interrupt;
mod opening;
mod output;
mod progress;
mod words;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser as _;

use arguments::Arguments;
use failure::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let subject = arguments.command.subject();
    // What can panic is the engine, on a file that was not checked: one line, as of any failure.
    panic::set_hook(Box::new(|_| {}));
    let ran = panic::catch_unwind(AssertUnwindSafe(|| commands::run(arguments)));
    match ran.unwrap_or_else(|panic| Err(Failure::panicked(&*panic))) {
        Ok(verdict) => verdict.exit_code(),
        Err(failure) => {
            failure.tell(subject.as_deref());
            failure.exit_code()
        }
    }
}
