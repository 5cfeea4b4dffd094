//! The command line, and what a run does.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cases::{self, Bench};
use crate::data::{self, Dataset};
use crate::engine::Kind;
use crate::measure::Figure;
use crate::plan::Plan;
#[cfg(feature = "postgres")]
use crate::postgres;
use crate::{memory, report, workdir};

/// Measures convodb beside SQLite, LMDB and redb.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    child: Option<Child>,
    #[command(flatten)]
    run: Run,
}

#[derive(Args)]
struct Run {
    /// How many conversations, at least 1,000.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(i64::from(data::MIN_SIZE)..))]
    size: u32,
    /// Over how many days they began.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..))]
    days: u32,
    /// Only some of the cases; `load` is loading, file size, memory and opening, `writes` also the
    /// reader beside writers and opening after a crash, `views` saved views, in files of their own.
    #[arg(long)]
    only: Option<Only>,
    /// Only these engines.
    #[arg(long, value_delimiter = ',', default_values_t = Kind::ALL)]
    engines: Vec<Kind>,
    /// Writes an object a line: case, engine, size, unit, median, min, p99, p999, mean; for commands
    /// also max, p50, slowest, written, logged.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draws latency over depth.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Writes the table, which is printed in any case.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// What an earlier run wrote with `--json`: of another size, for growth; of this size, for
    /// the cost of a command then and now.
    #[arg(long, value_name = "FILE")]
    earlier: Vec<PathBuf>,
    /// Where the files lie while it runs; by default beside the build.
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,
    /// Leaves the files there, and says where.
    #[arg(long)]
    keep: bool,
    /// Measures convodb-postgres beside a schema made by hand instead, on a server that it starts.
    #[cfg(feature = "postgres")]
    #[arg(long)]
    postgres: bool,
    /// The same on this server, by a user who may create databases: a URL, or `host=.. user=..`.
    #[cfg(feature = "postgres")]
    #[arg(long, value_name = "URL")]
    postgres_url: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    Reads,
    Writes,
    Load,
    Views,
}

#[derive(Subcommand)]
enum Child {
    /// Asks everything of one engine and prints the peak memory.
    #[command(hide = true)]
    Memory {
        #[arg(long)]
        engine: Kind,
        #[arg(long)]
        directory: PathBuf,
        #[arg(long)]
        size: u32,
        #[arg(long)]
        days: u32,
    },
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

fn progress() -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} {msg}")?;
    Ok(ProgressBar::no_length().with_style(style))
}

impl Run {
    fn does(&self, cases: Only) -> bool {
        self.only.is_none_or(|only| only == cases)
    }

    #[cfg(feature = "postgres")]
    fn postgres(&self) -> Result<()> {
        let host = postgres::Host::new(self.postgres_url.as_deref(), self.keep)?;
        let data = Dataset::new(self.size, self.days);
        let (records, table) = postgres::run(&host, data, progress()?)?;
        if let Some(path) = &self.json {
            report::json::write(path, &records)?;
        }
        if let Some(path) = &self.markdown {
            std::fs::write(path, &table)?;
        }
        println!("{table}");
        Ok(())
    }

    fn bench(&self) -> Result<()> {
        #[cfg(feature = "postgres")]
        if self.postgres || self.postgres_url.is_some() {
            return self.postgres();
        }
        let directory = workdir::temporary("compare-", self.dir.as_deref())?;
        let mut kinds = self.engines.clone();
        kinds.sort_unstable();
        kinds.dedup();
        let data = Dataset::new(self.size, self.days);
        let bar = progress()?;
        bar.set_message("planning");
        let mut bench = Bench {
            plan: Plan::new(&data)?,
            engines: Vec::new(),
            records: Vec::new(),
            notes: Vec::new(),
            bar,
            data,
        };
        if self.only != Some(Only::Views) {
            for kind in &kinds {
                self.load(&mut bench, *kind, directory.path())?;
            }
        }
        let steps = bench.engines.len()
            + bench.read_cases()
            + Bench::view_cases(&kinds)
            + Bench::WRITE_CASES;
        bench.bar.reset();
        bench.bar.set_length(steps as u64);
        if self.does(Only::Load) {
            bench.openings()?;
        }
        let mut lines = Vec::new();
        if self.does(Only::Reads) || self.does(Only::Writes) {
            for (_, engine) in &mut bench.engines {
                engine.open()?;
            }
            bench.check()?;
        }
        if self.does(Only::Reads) {
            bench.reads()?;
            if self.svg.is_some() {
                lines = bench.lines()?;
            }
        }
        if self.does(Only::Views) {
            bench.views(&kinds, directory.path())?;
        }
        let mut replayed = Ok(());
        if self.does(Only::Writes) {
            bench.writes()?;
            replayed = bench.replay(directory.path());
        }
        bench.bar.finish_and_clear();
        // What was measured before is reported whatever the last cases come to.
        self.report(&bench, &lines)?;
        replayed?;
        if self.keep {
            bench.engines.clear();
            eprintln!("The files are in {}", directory.keep().display());
        }
        Ok(())
    }

    fn load(&self, bench: &mut Bench, kind: Kind, directory: &Path) -> Result<()> {
        let mut engine = kind.engine(&bench.data, directory);
        bench.bar.reset();
        bench.bar.set_length(self.size.into());
        bench.bar.set_message(format!("loading {kind}"));
        let started = Instant::now();
        engine.load(&bench.data, &|more| bench.bar.inc(more))?;
        let seconds = started.elapsed().as_secs_f64();
        engine.compact()?;
        engine.close()?;
        if kind.has_file() && self.does(Only::Load) {
            let rate = f64::from(self.size) / seconds;
            bench.record("load", kind, "conversations/s", Figure::single(rate));
            let bytes = engine.bytes()? as f64;
            bench.record("file", kind, "bytes", Figure::single(bytes));
            bench.bar.set_message(format!("memory of {kind}"));
            if let Some(bytes) = memory::measure(kind, &bench.data, &bench.plan, directory)? {
                bench.record("memory", kind, "bytes", Figure::single(bytes as f64));
            }
        }
        bench.engines.push((kind, engine));
        Ok(())
    }

    fn report(&self, bench: &Bench, lines: &[cases::Line]) -> Result<()> {
        if let Some(path) = &self.json {
            report::json::write(path, &bench.records)?;
        }
        let mut earlier = Vec::new();
        for path in &self.earlier {
            earlier.extend(report::json::read(path)?);
        }
        let table = report::markdown::table(bench, &earlier);
        if let Some(path) = &self.markdown {
            std::fs::write(path, &table)?;
        }
        println!("{table}");
        if let Some(path) = &self.svg {
            report::chart::draw(path, self.size, lines)?;
        }
        Ok(())
    }
}

/// Does what the command line says.
///
/// # Errors
///
/// Whatever an engine says, and that two differ in an answer.
pub fn run() -> Result<()> {
    let cli = Cli::parse();
    match cli.child {
        None => cli.run.bench(),
        Some(Child::Memory {
            engine,
            directory,
            size,
            days,
        }) => memory::child(engine, &Dataset::new(size, days), &directory),
    }
}
