//! What does not fit into lines.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::json;

use crate::failure::Failure;

/// Where it is reported, and how much of it there is.
#[derive(Clone)]
pub(super) struct Report {
    shared: Rc<Shared>,
}

struct Shared {
    is_silent: bool,
    file: Option<(PathBuf, RefCell<BufWriter<File>>)>,
    failed: RefCell<Option<io::Error>>,
    count: Cell<u64>,
}

impl Report {
    pub(super) fn new(path: Option<&Path>) -> Result<Self, Failure> {
        let open = |path: &Path| {
            let file = File::create(path).map_err(|error| failure(path, &error))?;
            Ok::<_, Failure>((path.to_owned(), RefCell::new(BufWriter::new(file))))
        };
        Ok(Self {
            shared: Rc::new(Shared {
                is_silent: false,
                file: path.map(open).transpose()?,
                failed: RefCell::default(),
                count: Cell::new(0),
            }),
        })
    }

    /// One for what is reported elsewhere.
    pub(super) fn silent() -> Self {
        Self {
            shared: Rc::new(Shared {
                is_silent: true,
                file: None,
                failed: RefCell::default(),
                count: Cell::new(0),
            }),
        }
    }

    /// A field of a row does not fit.
    pub(super) fn add(&self, table: &str, id: i64, field: &str, reason: &str) {
        self.write(table, id, field, reason, || {
            format!("{table} {id}: {field}: {reason}")
        });
    }

    fn write(&self, table: &str, id: i64, field: &str, reason: &str, text: impl Fn() -> String) {
        let shared = &self.shared;
        if shared.is_silent {
            return;
        }
        shared.count.set(shared.count.get() + 1);
        let written = match &shared.file {
            Some((_, file)) => {
                let line = json!({"table": table, "id": id, "field": field, "reason": reason});
                writeln!(file.borrow_mut(), "{line}")
            }
            None => {
                // If standard error is closed, the exit code remains.
                let text = text().replace(|c: char| c.is_control(), " ");
                let _ = writeln!(io::stderr(), "{text}");
                Ok(())
            }
        };
        if let Err(error) = written {
            shared.failed.borrow_mut().get_or_insert(error);
        }
    }

    /// Reports lines of a table that are no rows.
    pub(super) fn bad_lines(
        &self,
        table: &'static str,
    ) -> impl Fn(i64, &serde_json::Error) + use<> {
        let report = self.clone();
        move |line, error| {
            let reason = match error.is_data() {
                true => format!("is not a row of the table: {error}"),
                false => "is not JSON".to_owned(),
            };
            report.write(table, line, "line", &reason, || {
                format!("{table}.ndjson:{line} {reason}")
            });
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.shared.count.get()
    }

    pub(super) fn end(&self) -> Result<(), Failure> {
        let Some((path, file)) = &self.shared.file else {
            return Ok(());
        };
        let flushed = file.borrow_mut().flush();
        match self.shared.failed.take() {
            Some(error) => Err(failure(path, &error)),
            None => flushed.map_err(|error| failure(path, &error)),
        }
    }
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    Failure::File {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
