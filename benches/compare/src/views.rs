//! The cases of saved views: the first page of each, the middle one, and the total alone.
//!
//! Each engine has the conversations of the other cases in a file of its own, without their messages, with
//! priorities and the times since when contacts wait.

use std::hint::black_box;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use convodb::{Channel, Priority, Status};

use crate::cases::{self, Bench};
use crate::check;
use crate::data::{Conversation, Dataset, NOBODY};
use crate::engine::{Kind, Row};
use crate::plan::{LIMIT, checked_pages, pages_around};

/// A saved view, as an inbox has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum View {
    /// Open, without an assignee, and the contact waits: the longest wait first.
    Waiting,
    /// Open, urgent or high: urgent ones first, and of each the latest activity.
    Urgent,
    /// Resolved on two of the channels: the newest first. Long.
    Archive,
}

/// What is asked of each view.
const FIRST: &str = "first";
const HALF: &str = "half";
const COUNT: &str = "count";

impl View {
    pub(crate) const ALL: [Self; 3] = [Self::Waiting, Self::Urgent, Self::Archive];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Urgent => "urgent",
            Self::Archive => "archive",
        }
    }

    /// The name of a case of it.
    pub(crate) fn case(self, what: &str) -> String {
        format!("view/{what}/{}", self.name())
    }

    pub(crate) fn selects(self, one: &Conversation) -> bool {
        let is_open = one.status == Status::Open;
        match self {
            Self::Waiting => is_open && one.assignee == NOBODY && one.waiting_since_us().is_some(),
            Self::Urgent => is_open && one.priority() >= Some(Priority::High),
            Self::Archive => {
                !is_open && matches!(one.channel, Channel::Whatsapp | Channel::Instagram)
            }
        }
    }

    /// Ascending it is the order of the view.
    fn key(self, one: &Conversation) -> (u8, i64, u128) {
        match self {
            Self::Waiting => (0, one.waiting_since_us().unwrap_or_default(), one.id),
            Self::Urgent => {
                let is_urgent = one.priority() == Some(Priority::Urgent);
                (u8::from(!is_urgent), -one.updated_us, !one.id)
            }
            Self::Archive => (0, -one.created_us, !one.id),
        }
    }

    /// The numbers of its conversations, in its order.
    pub(crate) fn numbers(self, data: &Dataset) -> Vec<u32> {
        let selected = data.conversations().filter(|one| self.selects(one));
        let mut keys: Vec<_> = selected.map(|one| (self.key(&one), one.number)).collect();
        keys.sort_unstable();
        keys.into_iter().map(|(_, number)| number).collect()
    }
}

/// A row of a view, with what views are about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ViewRow {
    pub(crate) row: Row,
    pub(crate) priority: Option<Priority>,
    pub(crate) waiting_since_us: Option<i64>,
}

pub(crate) enum ViewRows {
    Plain(Vec<ViewRow>),
    Convodb(Vec<convodb::Conversation>),
}

impl ViewRows {
    pub(crate) fn plain(self) -> Result<Vec<ViewRow>> {
        let row = |row: &convodb::Conversation| {
            let waiting_since = row.timeline.waiting_since;
            Ok(ViewRow {
                row: check::plain_row(row)?,
                priority: row.attributes.as_ref().and_then(|it| it.priority),
                waiting_since_us: waiting_since.map(|time| time.timestamp_micros()),
            })
        };
        match self {
            Self::Plain(rows) => Ok(rows),
            Self::Convodb(rows) => rows.iter().map(row).collect(),
        }
    }
}

pub(crate) struct ViewPage {
    pub(crate) rows: ViewRows,
    pub(crate) total: u64,
}

/// What every engine that has views can be asked.
pub(crate) trait Viewer {
    /// Makes the file with the views, and opens it.
    fn load(&mut self, data: &Dataset) -> Result<()>;

    /// A page by its number, from 1, with the exact total.
    fn page(&mut self, view: View, number: u64) -> Result<ViewPage>;

    fn count(&mut self, view: View) -> Result<u64>;

    /// What should stand beside the figures.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Every page that will be timed and some others, and the total, against the generator.
pub(crate) fn check(
    name: &str,
    viewer: &mut dyn Viewer,
    data: &Dataset,
    view: View,
    numbers: &[u32],
) -> Result<()> {
    let total = numbers.len() as u64;
    let case = view.name();
    let counted = viewer.count(view)?;
    ensure!(
        counted == total,
        "{name}: {counted} of {case} and not {total}"
    );
    for page in checked_pages(total).chain(pages_around(0.5, total)) {
        let found = viewer.page(view, page)?;
        ensure!(
            found.total == total,
            "{name}: total of page {page} of {case}: {} and not {total}",
            found.total
        );
        let from = (page - 1) * u64::from(LIMIT);
        let row = |number: &u32| {
            let one = data.conversation(*number);
            ViewRow {
                row: Row::of(&one, &data.directory),
                priority: one.priority(),
                waiting_since_us: one.waiting_since_us(),
            }
        };
        let expected = numbers.iter().skip(from as usize).take(LIMIT as usize);
        let expected: Vec<_> = expected.map(row).collect();
        let rows = found.rows.plain()?;
        ensure!(
            rows == expected,
            "{name}: rows of page {page} of {case} differ: {rows:#?} and not {expected:#?}"
        );
    }
    Ok(())
}

impl Bench {
    /// How many steps [`views`](Self::views) has.
    pub(crate) fn view_cases(kinds: &[Kind]) -> usize {
        kinds.len() + View::ALL.len() * 3
    }

    /// Makes the files, checks every answer, and times the cases.
    pub(crate) fn views(&mut self, kinds: &[Kind], directory: &Path) -> Result<()> {
        let mut viewers = Vec::new();
        for kind in kinds {
            if let Some(mut viewer) = kind.viewer(directory) {
                self.bar.set_message(format!("views of {}", kind.name()));
                viewer.load(&self.data)?;
                viewers.push((*kind, viewer));
            }
            self.bar.inc(1);
        }
        let mut lengths = Vec::new();
        for view in View::ALL {
            self.bar.set_message(format!("checking {}", view.name()));
            let numbers = view.numbers(&self.data);
            for (kind, viewer) in &mut viewers {
                check(kind.name(), viewer.as_mut(), &self.data, view, &numbers)?;
            }
            let total = numbers.len() as u64;
            let half: Vec<u64> = pages_around(0.5, total).collect();
            for (what, pages) in [(FIRST, &[1][..]), (HALF, &half)] {
                let case = view.case(what);
                self.bar.set_message(case.clone());
                let engines = viewers.iter_mut().map(|(kind, it)| (*kind, it.as_mut()));
                let figures =
                    cases::time(&cases::READS, engines, pages.len(), |viewer, variant| {
                        let page = pages.get(variant).context("no such page")?;
                        black_box(viewer.page(view, *page)?);
                        Ok(())
                    })?;
                self.timed(&case, figures);
            }
            let case = view.case(COUNT);
            self.bar.set_message(case.clone());
            let engines = viewers.iter_mut().map(|(kind, it)| (*kind, it.as_mut()));
            let figures = cases::time(&cases::READS, engines, 1, |viewer, _| {
                black_box(viewer.count(view)?);
                Ok(())
            })?;
            self.timed(&case, figures);
            lengths.push(format!("`{}` has {total}", view.name()));
        }
        if !viewers.is_empty() {
            self.notes.push(format!(
                "Conversations of views: {}. `lmdb` and `redb` have no such lists made by hand.",
                lengths.join(", ")
            ));
        }
        for (_, viewer) in &viewers {
            self.notes.extend(viewer.notes());
        }
        Ok(())
    }
}
