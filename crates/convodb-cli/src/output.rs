//! Standard output: tables for people or JSON for programs, from the same results.

use std::env;
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write as _};

use clap::builder::styling::{AnsiColor, Style};
use comfy_table::{
    Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Row, Table,
    TableComponent, presets,
};
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use crate::failure::Failure;
use crate::texts::wrapped;

/// The narrowest screen on which ids are shown whole.
const WIDE: u16 = 140;
/// The width of tables in a file or a pipe.
const PIPED_WIDTH: u16 = 160;

pub(crate) struct Output {
    json: bool,
    screen: Screen,
    out: BufWriter<Stdout>,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            screen: Screen::new(),
            out: BufWriter::new(io::stdout()),
        }
    }

    /// Prints a result: its JSON, or its text.
    pub(crate) fn print(
        &mut self,
        document: &impl Serialize,
        text: impl FnOnce(&Screen) -> String,
    ) -> Result<(), Failure> {
        self.print_json(document)?;
        self.print_text(text)
    }

    /// Prints a document, only as JSON.
    pub(crate) fn print_json(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        if self.json {
            self.line(document)?;
            self.flush()?;
        }
        Ok(())
    }

    /// Prints a text, only for people.
    pub(crate) fn print_text(
        &mut self,
        text: impl FnOnce(&Screen) -> String,
    ) -> Result<(), Failure> {
        if !self.json {
            let text = text(&self.screen);
            writeln!(self.out, "{}", text.trim_end()).map_err(Failure::Output)?;
            // The reader of a pipe receives each result when it is ready.
            self.flush()?;
        }
        Ok(())
    }

    /// Writes one of many documents, in either format. It is printed by [`flush`](Self::flush).
    pub(crate) fn line(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, document)
            .map_err(io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"))
            .map_err(Failure::Output)
    }

    /// Writes one of many results. It is printed by [`flush`](Self::flush).
    pub(crate) fn row(
        &mut self,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self.json {
            true => self.line(document),
            false => writeln!(self.out, "{}", text()).map_err(Failure::Output),
        }
    }

    /// Prints a script.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(Failure::Output)?;
        self.flush()
    }

    /// Where lines of another's are written. They are printed by [`flush`](Self::flush).
    pub(crate) fn writer(&mut self) -> &mut BufWriter<Stdout> {
        &mut self.out
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::Output)
    }
}

/// The width of tables, and whether they have colours.
pub(crate) struct Screen {
    pub(crate) width: u16,
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

    pub(crate) fn bold(&self, text: impl Display) -> String {
        self.styled(Style::new().bold(), text)
    }

    pub(crate) fn heading(&self, text: impl Display) -> String {
        format!("\n{}\n", self.bold(text))
    }

    pub(crate) fn coloured(&self, color: AnsiColor, text: impl Display) -> String {
        self.styled(Style::new().fg_color(Some(color.into())), text)
    }

    fn styled(&self, style: Style, text: impl Display) -> String {
        match self.styled {
            true => format!("{style}{text}{style:#}"),
            false => text.to_string(),
        }
    }

    pub(crate) fn table<'a>(&self, header: impl IntoIterator<Item = &'a str>) -> Table {
        let header = header.into_iter();
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

    /// A table of two columns: names and values.
    pub(crate) fn facts<'a>(
        &self,
        header: [&str; 2],
        facts: impl IntoIterator<Item = (&'a str, String)>,
    ) -> String {
        let mut table = self.table(header);
        for (what, value) in facts {
            table.add_row([Cell::new(what), right(value)]);
        }
        table.trim_fmt()
    }

    /// Adds rows with a text each, which has this column and the width that the others leave.
    pub(crate) fn add_texts(
        &self,
        table: &mut Table,
        rows: Vec<(Vec<Cell>, String)>,
        column: usize,
    ) {
        const PADDING: usize = 2;
        const NARROWEST: usize = 8;
        let mut widths = Vec::new();
        for (cells, _) in &rows {
            widths.resize(cells.len().max(widths.len()), 0);
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = cell.content().width().max(*width);
            }
        }
        let others: usize = widths.iter().map(|width| width + PADDING).sum();
        let left = usize::from(self.width).saturating_sub(others + PADDING);
        for (mut cells, text) in rows {
            let text = wrapped(&text, left.max(NARROWEST));
            cells.insert(column, Cell::new(text).set_delimiter('\n'));
            table.add_row(cells);
        }
        shrink_only(table, column);
    }

    /// An id, whole on a wide screen, otherwise its prefix and its last characters, which differ
    /// between ids of one day.
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

pub(crate) fn right(value: impl Display) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

pub(crate) fn dim(text: impl Display) -> Cell {
    // Not dark grey, which some palettes show as the background.
    Cell::new(text).add_attribute(Attribute::Dim)
}

pub(crate) fn one_line(cells: Vec<Cell>) -> Row {
    let mut row = Row::from(cells);
    row.max_height(1);
    row
}

/// Keeps the width of every column but one, which is shortened on a narrow screen.
pub(crate) fn shrink_only(table: &mut Table, flexible: usize) {
    for (index, column) in table.column_iter_mut().enumerate() {
        if index != flexible {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}
