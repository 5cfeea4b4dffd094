//! What commands read of one state of a store.

use std::ops::Deref;

use convodb_upkeep::{OfFile, Reading};

use crate::commands::Wait;
use crate::failure::Failure;
use crate::opening;
use crate::place::Place;
#[cfg(feature = "postgres")]
use crate::postgres::Remote;
use crate::server::Server;

/// What is read.
pub(crate) enum At {
    Store(State),
    /// It answers what it is asked for.
    Server(Server),
}

/// One state of an existing store in a file or a database.
pub(crate) struct State {
    reading: Box<dyn Reading>,
    /// Closed behind its snapshot.
    #[cfg(feature = "postgres")]
    _remote: Option<Remote>,
}

impl Deref for State {
    type Target = dyn Reading;

    fn deref(&self) -> &Self::Target {
        &*self.reading
    }
}

pub(crate) fn at(place: Place<'_>, wait: Wait) -> Result<At, Failure> {
    let state = match place {
        Place::File(path) => State {
            reading: Box::new(OfFile::new(&opening::to_read(path, wait)?)?),
            #[cfg(feature = "postgres")]
            _remote: None,
        },
        #[cfg(feature = "postgres")]
        Place::Postgres(database) => {
            let remote = database.to_read(wait)?;
            let reading = convodb_upkeep::OfWorkspace::new(&remote.store, remote.handle())?;
            State {
                reading: Box::new(reading),
                _remote: Some(remote),
            }
        }
        Place::Server(server) => return Ok(At::Server(server)),
    };
    Ok(At::Store(state))
}
