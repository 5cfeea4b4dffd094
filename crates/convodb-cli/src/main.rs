//! `convodb`: a tool for the operators of a store, in a file or in PostgreSQL. `convodb --help` lists its commands.
//!
//! Invariant: it uses the public API of the crates and nothing else.

mod arguments;
mod cells;
mod commands;
mod conceal;
mod failure;
mod interrupt;
mod opening;
mod output;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod progress;
mod reading;
mod server;
mod texts;

use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser as _;

use arguments::Arguments;
use conceal::concealed;
use failure::Failure;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refused(&error),
    };
    let subject = arguments.subject();
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

/// Prints the help that was asked for, or what is wrong with the arguments, without their passwords.
fn refused(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    let shown = concealed(&text);
    if shown == text {
        error.exit();
    }
    // If standard error is closed, the exit code remains.
    let _ = write!(io::stderr(), "{shown}");
    ExitCode::from(2)
}
