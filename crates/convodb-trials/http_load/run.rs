//! A run: the same data in each store, a server over each, and all in turns, round by round.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use compare::data::Dataset;
use compare::engine::Kind;
use compare::engines::{convodb, sqlite as layout};
use compare::postgres;
use convodb_testkit::postgres::is_installed;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cases::{self, Case, Work};
use crate::report::{self, Figure, Load};
use crate::scene::Scene;
use crate::servers::{self, Name, Server};
use crate::traffic::Traffic;
use crate::{check, drive, sqlite};

/// Smaller ones lack conversations of ten messages.
const LEAST_SIZE: i64 = 200;
const DAYS: u32 = 90;
const ROUNDS: u32 = 5;
/// The turn before the rounds, which warms what is asked for the first time, is so much shorter.
const WARM_UP: u32 = 2;

#[derive(Args, Debug)]
pub(crate) struct Run {
    /// How many conversations, at least 200.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(LEAST_SIZE..))]
    size: u32,
    /// How long each case drives each server, in all rounds together.
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    seconds: f64,
    /// How many connections ask at once; every case is measured with one connection too.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// The API server's program; by default the one that was built beside this one.
    #[arg(long, env = "API_SERVER", value_name = "PATH")]
    server: Option<PathBuf>,
    /// Writes an object a line: case, connections, server, size, requests, rate, latencies.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the table, which is printed in any case.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Draws rates and latencies.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Measures the handlers over PostgreSQL too, on a server that it starts and stops (Debian's package postgresql).
    #[arg(long)]
    postgres: bool,
    /// The directory of the files while it runs; by default beside the build.
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64> {
    let seconds: f64 = text.parse()?;
    ensure!((0.01..=600.0).contains(&seconds), "0.01 to 600");
    Ok(seconds)
}

/// Makes a store, and gives its file or its URL.
fn load(scene: &Scene, name: Name, data: &Dataset, loaded: &dyn Fn(u64)) -> Result<OsString> {
    let make_file = |kind: Kind, file: &str| {
        kind.make_file(data, scene.directory(), loaded)?;
        Ok(scene.directory().join(file))
    };
    match name {
        Name::Convodb => make_file(Kind::Convodb, convodb::FILE).map(PathBuf::into_os_string),
        Name::Sqlite => {
            let file = make_file(Kind::Sqlite, layout::BEST_FILE)?;
            sqlite::prepare(&file)?;
            Ok(file.into())
        }
        Name::Postgres => {
            let url = scene.start_postgres(&postgres::SETTINGS);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(crate::postgres::load(&url, data, loaded))?;
            Ok(url.into())
        }
    }
}

impl Run {
    pub(crate) fn measure(&self) -> Result<()> {
        let program = servers::program(self.server.as_deref())?;
        if self.postgres {
            ensure!(
                is_installed(),
                "--postgres: no PostgreSQL server is installed"
            );
        }
        let scene = Scene::set(self.dir.as_deref())?;
        let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template(
            "{elapsed_precise} {wide_bar} {pos}/{len} {msg}",
        )?);
        let data = Dataset::new(self.size, DAYS);
        let servers = self.servers(&scene, &program, &data, &bar)?;
        let traffic = Traffic::new(data);
        bar.set_message("checking");
        check::alike(&servers, &traffic)?;
        let cases = cases::all(self.connections.into());
        bar.reset();
        bar.set_length(cases.len() as u64);
        let mut figures = Vec::new();
        for (number, case) in (0..).zip(cases) {
            bar.set_message(case.name());
            figures.extend(self.case(&servers, &traffic, number, case)?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        self.report(&Load {
            size: traffic.size(),
            seconds: self.seconds,
            processors: thread::available_parallelism()?.get(),
            figures,
        })
    }

    /// The stores, made one after the other, and then a server over each.
    fn servers(
        &self,
        scene: &Scene,
        program: &Path,
        data: &Dataset,
        bar: &ProgressBar,
    ) -> Result<Vec<Server>> {
        let mut stores = Vec::new();
        for name in Name::ALL {
            if name == Name::Postgres && !self.postgres {
                continue;
            }
            bar.reset();
            bar.set_length(self.size.into());
            bar.set_message(format!("loading {}", name.as_str()));
            stores.push((name, load(scene, name, data, &|more| bar.inc(more))?));
        }
        bar.set_message("starting");
        let start = |(name, db): &(Name, OsString)| servers::start(scene, *name, program, db);
        stores.iter().map(start).collect()
    }

    fn case(
        &self,
        servers: &[Server],
        traffic: &Traffic,
        number: u64,
        case: Case,
    ) -> Result<Vec<Figure>> {
        // Of each case its own, as contacts that are new in one are known in the next.
        let seed = |round: u32| number << 32 | u64::from(round);
        let time = Duration::from_secs_f64(self.seconds / f64::from(ROUNDS));
        // The others have no events.
        let serves = |server: &&Server| server.name == Name::Convodb || case.work != Work::Streams;
        let servers = servers.iter().filter(serves);
        let mut rounds: Vec<_> = servers.map(|server| (server, Vec::new())).collect();
        for (server, _) in &rounds {
            drive::round(server, traffic, case, seed(0), time / WARM_UP)?;
        }
        for round in 1..=ROUNDS {
            for (server, rounds) in &mut rounds {
                rounds.push(drive::round(server, traffic, case, seed(round), time)?);
            }
            // Another one comes first each time.
            rounds.rotate_left(1);
        }
        rounds.sort_by_key(|(server, _)| server.name);
        let figures = rounds
            .into_iter()
            .map(|(server, rounds)| Figure::of(case, server.name, rounds));
        figures.collect()
    }

    fn report(&self, load: &Load) -> Result<()> {
        if let Some(path) = &self.json {
            report::json::write(path, load)?;
        }
        let table = report::markdown::table(load);
        if let Some(path) = &self.markdown {
            std::fs::write(path, &table)?;
        }
        println!("{table}");
        if let Some(path) = &self.svg {
            report::chart::draw(path, load)?;
        }
        Ok(())
    }
}
