//! Over SQLite. The schema, its indexes, its triggers and its settings are those of `sqlite` in `benches/compare`;
//! `schema` adds what receiving needs.

mod reads;
mod schema;
#[cfg(test)]
mod tests;
mod writes;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use anyhow::{Result, ensure};

use crate::hand::{List, Receive, Received, Serving, Store};
use reads::Readers;
pub(crate) use schema::prepare;
use writes::Writer;

/// Serves the lists, the conversations and the receiving of the API over a file of SQLite.
#[derive(clap::Args, Debug)]
pub(crate) struct Serve {
    /// The file, prepared by a run.
    #[arg(long)]
    db: PathBuf,
    #[command(flatten)]
    serving: Serving,
    /// Threads that read, each with a connection of its own; by default two a processor.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

#[derive(Clone)]
struct Sqlite {
    readers: Readers,
    writer: Writer,
}

impl Store for Sqlite {
    async fn list(&self, list: List) -> Result<Vec<u8>> {
        self.readers.run(move |reader| reader.list(&list)).await
    }

    async fn get(&self, id: u128) -> Result<Option<Vec<u8>>> {
        self.readers.run(move |reader| reader.get(id)).await
    }

    async fn receive(&self, receive: Receive) -> Result<Received> {
        self.writer.receive(receive).await
    }
}

impl Serve {
    pub(crate) fn run(self) -> Result<()> {
        ensure!(self.db.is_file(), "there is no file {}", self.db.display());
        let threads = match self.threads {
            Some(threads) => threads.get(),
            None => 2 * thread::available_parallelism()?.get(),
        };
        let store = Sqlite {
            readers: Readers::start(&self.db, threads)?,
            writer: Writer::start(&self.db)?,
        };
        self.serving.serve(async { Ok(store) })
    }
}
