//! The load that the API server bears, beside the same handlers over SQLite and over PostgreSQL: requests per second
//! and their latencies, on loopback. `README.md` says what is measured.

mod cases;
mod check;
mod client;
mod drive;
mod hand;
mod postgres;
mod report;
mod run;
mod scene;
mod servers;
mod sqlite;
mod traffic;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures the API server beside the same handlers over SQLite and over PostgreSQL.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    server: Option<Server>,
    #[command(flatten)]
    run: run::Run,
}

#[derive(Debug, Subcommand)]
enum Server {
    Sqlite(sqlite::Serve),
    Postgres(postgres::Serve),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match cli.server {
        Some(Server::Sqlite(serve)) => serve.run(),
        Some(Server::Postgres(serve)) => serve.run(),
        None => cli.run.measure(),
    }
}
