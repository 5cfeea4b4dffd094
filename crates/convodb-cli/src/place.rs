//! Where a store is: in a file, or in a workspace of a PostgreSQL database.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::failure::Failure;
#[cfg(feature = "postgres")]
use crate::postgres::Database;
use crate::server::Server;

/// A file, or the URL of a database.
#[derive(Clone)]
pub(crate) enum Location {
    File(PathBuf),
    /// It may have a password: it is never printed.
    Url(#[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "it is refused"))] String),
}

impl From<OsString> for Location {
    fn from(given: OsString) -> Self {
        match given.to_str().filter(|text| is_url(text)) {
            Some(url) => Self::Url(url.to_owned()),
            None => Self::File(given.into()),
        }
    }
}

/// Whether a text is `postgres://..`, or keys and values with `host=..`. A file of such a name is `./host=..`.
fn is_url(text: &str) -> bool {
    let begins = |scheme: &str| {
        let begin = text.get(..scheme.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    let keys = ["host=", "hostaddr=", "dbname="];
    let mut words = text.split_whitespace();
    begins("postgres://")
        || begins("postgresql://")
        || words.any(|word| keys.iter().any(|key| word.starts_with(key)))
}

impl Location {
    /// The file, of a command that takes no database.
    pub(crate) fn file(
        &self,
        command: &'static str,
        instead: &'static str,
    ) -> Result<&Path, Failure> {
        match self {
            Self::File(path) => Ok(path),
            Self::Url(_) => Err(Failure::FileOnly { command, instead }),
        }
    }

    /// Its name in messages: a path, or a database without the password.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Self::File(path) => Some(path.display().to_string()),
            #[cfg(feature = "postgres")]
            Self::Url(url) => Some(convodb_postgres::PgOptions::new(url).ok()?.to_string()),
            #[cfg(not(feature = "postgres"))]
            Self::Url(_) => None,
        }
    }
}

// No comment for the documentation, which would become that of the command.
#[derive(Args, Default)]
pub(crate) struct Workspace {
    /// The workspace, where DB is a PostgreSQL database [default: main]
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
}

/// What a command opens.
pub(crate) enum Place<'a> {
    File(&'a Path),
    #[cfg(feature = "postgres")]
    Postgres(Box<Database>),
    Server(Server),
}

impl Workspace {
    /// A server has the workspace that it was started with.
    pub(crate) fn is_of_server(&self) -> Result<(), Failure> {
        match self.workspace {
            None => Ok(()),
            Some(_) => {
                let reason = "--workspace: a server has the one that it was started with";
                Err(Failure::Usage(reason.to_owned()))
            }
        }
    }

    pub(crate) fn of<'a>(&self, location: &'a Location) -> Result<Place<'a>, Failure> {
        match (location, &self.workspace) {
            (Location::File(path), None) => Ok(Place::File(path)),
            (Location::File(_), Some(_)) => {
                let reason = "--workspace: a file is one store, and has no workspaces";
                Err(Failure::Usage(reason.to_owned()))
            }
            #[cfg(feature = "postgres")]
            (Location::Url(url), name) => {
                let name = name.as_deref().unwrap_or("main");
                Ok(Place::Postgres(Box::new(Database::new(url, name)?)))
            }
            #[cfg(not(feature = "postgres"))]
            (Location::Url(_), _) => {
                let reason = "this program was built without the feature `postgres`";
                Err(Failure::Usage(reason.to_owned()))
            }
        }
    }
}
