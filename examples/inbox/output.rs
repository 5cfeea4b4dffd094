//! Where the show goes: tables for people or JSON for programs, from the same steps.

use std::env;
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::time::{Duration, Instant};

use clap::builder::styling::Style;
use comfy_table::{Attribute, Cell, ContentArrangement, Table, TableComponent, presets};
use serde::Serialize;

/// The narrowest screen on which ids are shown whole.
const WIDE: u16 = 140;
/// So wide are the tables of a file or a pipe.
const PIPED_WIDTH: u16 = 160;

/// What a call answered, and how long it took.
#[derive(Debug)]
pub(crate) struct Timed<T> {
    pub(crate) value: T,
    pub(crate) took: Duration,
}

/// Times a call.
pub(crate) fn timed<T, E>(call: impl FnOnce() -> Result<T, E>) -> Result<Timed<T>, E> {
    let start = Instant::now();
    let value = call()?;
    let took = start.elapsed();
    Ok(Timed { value, took })
}

/// Standard output, in one of its two forms.
pub(crate) struct Output {
    form: Form,
    out: BufWriter<Stdout>,
}

enum Form {
    Tables(Screen),
    Json,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let form = if json {
            Form::Json
        } else {
            Form::Tables(Screen::new())
        };
        Self {
            form,
            out: BufWriter::new(io::stdout()),
        }
    }

    /// An answer of the store: its JSON, or how it is told.
    pub(crate) fn answer(
        &mut self,
        document: &impl Serialize,
        told: impl FnOnce(&Screen) -> String,
    ) -> io::Result<()> {
        self.json(document)?;
        self.tell(told)
    }

    /// An answer that is told later, together with others.
    pub(crate) fn json(&mut self, document: &impl Serialize) -> io::Result<()> {
        if let Form::Json = self.form {
            serde_json::to_writer(&mut self.out, document)?;
            writeln!(self.out)?;
        }
        self.out.flush()
    }

    /// What the specification has no JSON for.
    pub(crate) fn tell(&mut self, told: impl FnOnce(&Screen) -> String) -> io::Result<()> {
        if let Form::Tables(screen) = &self.form {
            writeln!(self.out, "{}", told(screen))?;
        }
        // Whoever reads a pipe gets each answer when it is there.
        self.out.flush()
    }
}

/// How tables look: how wide, and whether in colour.
pub(crate) struct Screen {
    width: u16,
    styled: bool,
}

impl Screen {
    fn new() -> Self {
        let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            width: Table::new().width().unwrap_or(PIPED_WIDTH),
            styled: io::stdout().is_terminal() && !no_colour,
        }
    }

    pub(crate) fn heading(&self, text: impl Display) -> String {
        let style = if self.styled {
            Style::new().bold()
        } else {
            Style::new()
        };
        format!("\n{style}{text}{style:#}\n")
    }

    pub(crate) fn table<const N: usize>(&self, header: [&str; N]) -> Table {
        let mut table = Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_style(TableComponent::HeaderLines, '─')
            .set_style(TableComponent::MiddleHeaderIntersections, '─')
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_truncation_indicator("…")
            .set_width(self.width)
            .set_header(header.map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        if !self.styled {
            table.force_no_tty();
        }
        table
    }

    /// An id: whole where there is room, else its prefix and its last characters, which tell ids
    /// of one day apart.
    pub(crate) fn id(&self, id: impl Display) -> String {
        const TAIL: usize = 6;
        let id = id.to_string();
        let end = id.char_indices().nth_back(TAIL - 1);
        match (id.split_once('_'), end.and_then(|(at, _)| id.get(at..))) {
            (Some((prefix, rest)), Some(tail)) if self.width < WIDE && rest.len() > 2 * TAIL => {
                format!("{prefix}_…{tail}")
            }
            _ => id,
        }
    }
}

/// A time that a call took, to three or four digits.
pub(crate) fn took(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    if micros < 1e3 {
        format!("{micros:.1} µs")
    } else if micros < 1e6 {
        format!("{:.1} ms", micros / 1e3)
    } else {
        format!("{:.2} s", micros / 1e6)
    }
}
