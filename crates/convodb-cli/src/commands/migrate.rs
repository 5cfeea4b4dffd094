//! `migrate`: creates and updates the schema of a database.

use clap::Args;
use serde::Serialize;

use super::Tool;
use crate::failure::Failure;
use crate::place::{Location, Place, Workspace};

/// Create the schema of convodb in a PostgreSQL database, or update it
///
/// The schema `convodb` has all workspaces. It can be run at any time, also while
/// services run, and needs a role that may create a schema in the database. An update
/// only adds, so that services of the version before go on. Each run also makes the
/// partitions of the events to come, and drops empty ones: run it each month.
///
/// With --app and --reader, it prints the statements that give two roles the rights
/// they need, and no more: --app for services and `import`, --reader for `export`,
/// `list`, `show`, `stats`, `verify` and `events`. The roles must be there:
///
///   createuser inbox_app; createuser inbox_reader
///   convodb migrate URL --app inbox_app --reader inbox_reader | psql URL
///
/// The environment variable PGPASSWORD may have the password, for every command.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Migrate {
    /// The database: `postgres://user@host/database`, or `host=.. user=.. dbname=..`
    #[arg(value_name = "URL")]
    pub(crate) db: Location,

    /// The role of services
    #[arg(long, value_name = "ROLE", requires = "reader")]
    app: Option<String>,

    /// The role of those who only read
    #[arg(long, value_name = "ROLE", requires = "app")]
    reader: Option<String>,
}

#[derive(Serialize)]
struct Document {
    /// How many steps were taken: none where the schema was of this version.
    steps: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    grants: Option<String>,
}

impl Migrate {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        match Workspace::default().of(&self.db)? {
            Place::File(_) | Place::Server(_) => {
                let reason = "URL: must be `postgres://user@host/database`: a file needs no schema";
                Err(Failure::Usage(reason.to_owned()))
            }
            Place::Postgres(database) => {
                // Before the schema is made: a mistyped role must not make one.
                let grants = match (&self.app, &self.reader) {
                    (Some(app), Some(reader)) => Some(grants(app, reader)?),
                    _ => None,
                };
                let steps = database.migrate(tool.wait)?;
                let document = Document { steps, grants };
                tool.output.print(&document, |_| document.text())
            }
        }
    }
}

fn grants(app: &str, reader: &str) -> Result<String, Failure> {
    convodb_postgres::roles(app, reader).map_err(|error| {
        let (field, reason) = (error.field(), error.reason());
        Failure::Usage(format!(
            "--{}: {}",
            field.unwrap_or("app"),
            reason.unwrap_or_default()
        ))
    })
}

impl Document {
    fn text(&self) -> String {
        let schema = match self.steps {
            0 => "the schema is up to date".to_owned(),
            steps => format!(
                "the schema was made or updated, in {}",
                crate::texts::counted(steps.into(), "step")
            ),
        };
        match &self.grants {
            // A comment, for psql.
            Some(grants) => format!("-- {schema}\n{grants}"),
            None => schema,
        }
    }
}
