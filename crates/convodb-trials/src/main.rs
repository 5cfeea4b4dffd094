//! What would breach convodb's promises, tried at length: each subcommand runs one harness, prints
//! what it tried and what it found, and fails where it found anything.
//!
//! ```sh
//! cargo run --release -p convodb-trials -- crash --seed 1 --states 20000
//! cargo run --release -p convodb-trials -- kill --seed 1 --kills 100
//! cargo run --release -p convodb-trials -- damage --seed 1 --files 2000
//! cargo run --release -p convodb-trials -- load --seconds 60
//! cargo run --release -p convodb-trials -- reassignment --size 100000
//! cargo run --release -p convodb-trials -- postgres-failures --seconds 60
//! cargo run --release -p convodb-trials -- postgres --url postgres://me@host/database
//! ```
//!
//! The harnesses are those of `convodb-testkit`, and the library's test command runs each of them
//! for a moment.

mod bar;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};

use bar::Bar;
use convodb_testkit::child::{self, Child};
use convodb_testkit::failures;
use convodb_testkit::harness::report::{Breach, Report};
use convodb_testkit::harness::{crash, damage, faults, kill, load, reassignment};

/// Tries what would breach convodb's promises.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    trial: Trial,
}

#[derive(Subcommand)]
enum Trial {
    /// Cuts the power, and opens what the disk may hold then.
    Crash(Crash),
    /// Lets each call of the disk fail, and the disk run full.
    Faults(Faults),
    /// Kills a process that several threads write in.
    Kill(Kill),
    /// Opens damaged and foreign files.
    Damage(Damage),
    /// Lets many threads read and write at once.
    Load(Load),
    /// Removes a user with many conversations while others write.
    Reassignment(Reassignment),
    /// Lets a PostgreSQL server, its clients and their connections fail under writers.
    PostgresFailures(PostgresFailures),
    /// Checks what of the backend works on a server of another kind, and how fast.
    Postgres(Postgres),
}

#[derive(Args)]
struct Postgres {
    /// A database of the server, where the schema may be made. It keeps the workspaces of the checks.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    url: String,
    /// How long writers write, in each of the checks that have some.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
}

#[derive(Args)]
struct PostgresFailures {
    /// What the commands follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long each of its harnesses runs.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Only this one.
    #[arg(long, value_parser = failures::HARNESSES)]
    only: Option<String>,
}

#[derive(Args)]
struct Reassignment {
    /// What the commands follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many conversations the user has.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(10..))]
    size: u64,
}

#[derive(Args)]
struct Load {
    /// What the commands follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long, besides a third of it for what is measured beside.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

#[derive(Args)]
struct Damage {
    /// What the damage follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many files are damaged and opened.
    #[arg(long, default_value_t = 2_000)]
    files: u64,
    /// The number of the first of them, to look at one again.
    #[arg(long, default_value_t = 0)]
    first: u64,
}

#[derive(Args)]
struct Crash {
    /// What the workloads and states follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many different states are opened.
    #[arg(long, default_value_t = 20_000)]
    states: u64,
}

#[derive(Args)]
struct Faults {
    /// What the workloads follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// In how many workloads every call fails in turn.
    #[arg(long, default_value_t = 3)]
    workloads: u64,
}

#[derive(Args)]
struct Kill {
    /// What the run's moments follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often the process is killed.
    #[arg(long, default_value_t = 100)]
    kills: u64,
}

impl Trial {
    fn name(&self) -> &'static str {
        match self {
            Self::Crash(_) => "crash",
            Self::Faults(_) => "faults",
            Self::Kill(_) => "kill",
            Self::Damage(_) => "damage",
            Self::Load(_) => "load",
            Self::Reassignment(_) => "reassignment",
            Self::PostgresFailures(_) => "postgres-failures",
            Self::Postgres(_) => "postgres",
        }
    }

    fn seed(&self) -> u64 {
        match self {
            Self::Crash(Crash { seed, .. })
            | Self::Faults(Faults { seed, .. })
            | Self::Kill(Kill { seed, .. })
            | Self::Damage(Damage { seed, .. })
            | Self::Load(Load { seed, .. })
            | Self::Reassignment(Reassignment { seed, .. })
            | Self::PostgresFailures(PostgresFailures { seed, .. }) => *seed,
            Self::Postgres(_) => 1,
        }
    }

    fn run(&self, bar: &Bar) -> Report {
        match self {
            Self::Crash(Crash { seed, states }) => {
                let plan = crash::Plan {
                    seed: *seed,
                    states: *states,
                    one_in: 1,
                    control: crash::Control::None,
                };
                crash::run(plan, bar)
            }
            Self::Faults(Faults { seed, workloads }) => {
                let plan = faults::Plan {
                    seed: *seed,
                    workloads: *workloads,
                    step: 1,
                    fates: faults::FATES,
                };
                faults::run(plan, bar)
            }
            Self::Kill(Kill { seed, kills }) => {
                let plan = kill::Plan {
                    seed: *seed,
                    kills: *kills,
                    manner: kill::Manner::Honest,
                };
                kill::run(plan, Child::start_program, bar)
            }
            Self::Damage(Damage { seed, files, first }) => {
                let plan = damage::Plan {
                    seed: *seed,
                    first: *first,
                    files: *files,
                    control: damage::Control::None,
                };
                damage::run(plan, Child::start_program, bar)
            }
            Self::Load(Load { seed, seconds }) => {
                let plan = load::Plan {
                    seed: *seed,
                    time: Duration::from_secs(*seconds),
                    conversations: 20_000,
                    control: load::Control::None,
                };
                load::run(plan, bar)
            }
            Self::Reassignment(Reassignment { seed, size }) => {
                let plan = reassignment::Plan {
                    seed: *seed,
                    conversations: *size,
                    limit: Duration::from_secs(600),
                    control: reassignment::Control::None,
                };
                reassignment::run(plan, bar)
            }
            Self::PostgresFailures(PostgresFailures {
                seed,
                seconds,
                only,
            }) => {
                let (time, only) = (Duration::from_secs(*seconds), only.as_deref());
                failures::run(*seed, time, only, Child::start_program, bar)
            }
            Self::Postgres(Postgres { url, seconds }) => {
                let time = Duration::from_secs(*seconds);
                let checked = failures::conformance::run(url, time, bar);
                failures::load::block_on(checked).unwrap_or_else(|error| {
                    let mut report = failures::load::report();
                    report.found(Breach::Failed, || error.to_string());
                    report
                })
            }
        }
    }
}

/// What a process does that a harness has started.
fn serve(role: &str) {
    if !damage::serve(role) && !failures::kills::serve(role) {
        kill::serve(role);
    }
}

fn main() -> ExitCode {
    if let Some(role) = child::role() {
        serve(&role);
        return ExitCode::SUCCESS;
    }
    let Cli { trial } = Cli::parse();
    let bar = Bar::new(trial.name());
    let start = Instant::now();
    let report = trial.run(&bar);
    let took = start.elapsed().as_secs_f64();
    bar.clear();
    let (name, seed) = (trial.name(), trial.seed());
    println!("{name}: {report} (seed {seed}, {took:.0} s)");
    if report.is_clean() {
        return ExitCode::SUCCESS;
    }
    for breach in report.details() {
        eprintln!("{breach}");
    }
    ExitCode::FAILURE
}
