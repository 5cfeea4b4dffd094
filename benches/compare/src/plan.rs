//! What is asked of every engine: the filters, and the places in their lists.

use std::str::FromStr as _;

use anyhow::{Context as _, Result};
use convodb::{Channel, ConversationId, Cursor, Status};
use serde_json::{Value, json};

use crate::data::{Dataset, Key, NOBODY, parts};

/// Rows of a page.
pub(crate) const LIMIT: u32 = 20;
/// So many pages take turns, so that no answer can be a remembered one; they lie within this part
/// of the list around the depth, which is more than a day, as how far into a day a page begins
/// decides what an expert's day counts cost.
const VARIANTS: u64 = 8;
const SPREAD: f64 = 0.01;
/// Of a list of fewer rows every page is checked, of a longer one so many, besides what is timed.
const CHECKED_WHOLE: u64 = 5_000;
const CHECKED_PAGES: u64 = 16;

/// Which conversations a list shows. Without assignees, with any and without.
#[derive(Clone, Default)]
pub struct Filter {
    pub status: Option<Status>,
    pub channel: Option<Channel>,
    pub assignees: Vec<u16>,
}

impl Filter {
    pub(crate) fn selects(&self, key: &Key) -> bool {
        self.status.is_none_or(|status| status == key.status)
            && self.channel.is_none_or(|channel| channel == key.channel)
            && (self.assignees.is_empty() || self.assignees.contains(&key.assignee))
    }

    pub(crate) fn statuses(&self) -> Vec<Status> {
        self.status.map_or(Status::ALL.to_vec(), |one| vec![one])
    }

    pub(crate) fn channels(&self) -> Vec<Channel> {
        self.channel.map_or(Channel::ALL.to_vec(), |one| vec![one])
    }
}

pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) filter: Filter,
}

fn open() -> Filter {
    Filter {
        status: Some(Status::Open),
        ..Filter::default()
    }
}

fn of(assignees: &[u16], filter: Filter) -> Filter {
    Filter {
        assignees: assignees.to_vec(),
        ..filter
    }
}

fn on(channel: Channel, filter: Filter) -> Filter {
    Filter {
        channel: Some(channel),
        ..filter
    }
}

pub(crate) fn resolved() -> Filter {
    Filter {
        status: Some(Status::Resolved),
        ..Filter::default()
    }
}

fn agents() -> Filter {
    let [user, first, second] = [Dataset::median_user(), Dataset::team(0), Dataset::team(1)];
    of(&[NOBODY, user, first, second], open())
}

pub(crate) fn shapes() -> Vec<Shape> {
    let user = [Dataset::median_user()];
    let shape = |name, filter| Shape { name, filter };
    vec![
        shape("open", open()),
        shape("open+channel", on(Channel::Whatsapp, open())),
        shape("user", of(&user, open())),
        shape("user+channel", on(Channel::Whatsapp, of(&user, open()))),
        shape("all", Filter::default()),
        shape("resolved+channel", on(Channel::Whatsapp, resolved())),
        shape("agent", agents()),
    ]
}

/// The twenty totals that an inbox shows beside its list.
pub(crate) fn sidebar() -> Vec<Filter> {
    let user = Dataset::median_user();
    let mut filters = vec![open(), resolved(), Filter::default(), agents()];
    filters.extend(Channel::ALL.map(|channel| on(channel, open())));
    filters.push(of(&[NOBODY], open()));
    filters.extend(Channel::ALL.map(|channel| on(channel, of(&[NOBODY], open()))));
    filters.push(of(&[user], open()));
    filters.push(of(&[user], resolved()));
    let others = [Dataset::team(0), Dataset::team(1), 1, 2, 3];
    filters.extend(others.map(|one| of(&[one], open())));
    filters
}

/// A conversation to be read or changed, in both spellings of its id.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) id: u128,
    pub(crate) typed: ConversationId,
}

impl Target {
    pub(crate) const fn new(id: u128) -> Self {
        let (millis, random) = parts(id);
        let typed = ConversationId::from_parts(millis, random);
        Self { id, typed }
    }
}

/// A place in the order of lists: behind this conversation.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) updated_us: i64,
    pub(crate) id: u128,
    pub(crate) cursor: Cursor,
}

impl Mark {
    fn new(updated_us: i64, id: u128) -> Result<Self> {
        let text = format!("{updated_us}.{}", Target::new(id).typed);
        let cursor = Cursor::from_str(&text)?;
        Ok(Self {
            updated_us,
            id,
            cursor,
        })
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// From 1.
    Page(u64),
    Behind(Mark),
}

/// The places of one case, and the rows that stand there, by number.
pub(crate) struct Probe {
    /// `first`, `half`, `last` or `cursor`; or `spread`, which is checked and not timed.
    pub(crate) depth: &'static str,
    pub(crate) shape: usize,
    pub(crate) places: Vec<Place>,
    pub(crate) expected: Vec<Vec<u32>>,
}

/// Everything that is asked, and what is known of the answers without any engine.
pub(crate) struct Plan {
    pub(crate) shapes: Vec<Shape>,
    pub(crate) sidebar: Vec<Filter>,
    pub(crate) probes: Vec<Probe>,
    pub(crate) totals: Vec<u64>,
    pub(crate) sidebar_totals: Vec<u64>,
    pub(crate) threads: [Vec<u32>; 2],
}

/// The page at a part of a list of so many rows: never the one behind the last.
pub(crate) fn page_at(part: f64, total: u64) -> u64 {
    let pages = total.div_ceil(LIMIT.into()).max(1);
    (1 + (part * pages as f64) as u64).min(pages)
}

/// The pages of a case at this part of a list.
pub(crate) fn pages_around(part: f64, total: u64) -> impl Iterator<Item = u64> {
    let step = SPREAD / VARIANTS as f64;
    let parts = (0..VARIANTS).map(|nth| part + (nth as f64 + 0.5) * step - SPREAD / 2.0);
    let mut pages: Vec<u64> = parts.map(|part| page_at(part, total)).collect();
    pages.dedup();
    pages.into_iter()
}

/// The pages that are checked besides those that are timed.
pub(crate) fn checked_pages(total: u64) -> impl Iterator<Item = u64> {
    let last_page = page_at(1.0, total);
    let step = match total {
        0..CHECKED_WHOLE => 1,
        _ => last_page.div_ceil(CHECKED_PAGES),
    };
    (1..=last_page).step_by(step as usize)
}

impl Plan {
    pub(crate) fn new(data: &Dataset) -> Result<Self> {
        Self::of(data, shapes())
    }

    pub(crate) fn of(data: &Dataset, shapes: Vec<Shape>) -> Result<Self> {
        let keys = data.sorted_keys();
        let mut plan = Self {
            shapes,
            sidebar: sidebar(),
            probes: Vec::new(),
            totals: Vec::new(),
            sidebar_totals: Vec::new(),
            threads: [10, 500].map(|messages| data.specimens(messages).collect()),
        };
        for shape in 0..plan.shapes.len() {
            plan.add_probes(shape, data, &keys)?;
        }
        for filter in &plan.sidebar {
            let total = keys.iter().filter(|key| filter.selects(key)).count();
            plan.sidebar_totals.push(total as u64);
        }
        Ok(plan)
    }

    fn add_probes(&mut self, shape: usize, data: &Dataset, keys: &[Key]) -> Result<()> {
        let filter = &self.shapes.get(shape).context("no such shape")?.filter;
        let selected: Vec<&Key> = keys.iter().filter(|key| filter.selects(key)).collect();
        let total = selected.len() as u64;
        self.totals.push(total);
        let around = |part: f64| pages_around(part, total).map(Place::Page).collect();
        let marks = |page: u64| {
            let row = (page * u64::from(LIMIT)).min(total).saturating_sub(1);
            let rows = selected.iter().skip(row as usize).take(VARIANTS as usize);
            rows.map(|key| Mark::new(key.updated_us, data.conversation(key.number).id))
                .map(|mark| Ok(Place::Behind(mark?)))
                .collect::<Result<Vec<_>>>()
        };
        let spread = checked_pages(total).map(Place::Page);
        for (depth, places) in [
            ("spread", spread.collect()),
            ("first", vec![Place::Page(1)]),
            ("half", around(0.5)),
            ("last", around(0.99)),
            ("cursor", marks(page_at(0.5, total))?),
        ] {
            let rows = |place: &Place| {
                let from = match place {
                    Place::Page(page) => (page - 1) * u64::from(LIMIT),
                    Place::Behind(mark) => {
                        1 + selected.partition_point(|key| {
                            let id = data.conversation(key.number).id;
                            (key.updated_us, id) > (mark.updated_us, mark.id)
                        }) as u64
                    }
                };
                let rows = selected.iter().skip(from as usize).take(LIMIT as usize);
                rows.map(|key| key.number).collect()
            };
            let expected = places.iter().map(rows).collect();
            self.probes.push(Probe {
                depth,
                shape,
                places,
                expected,
            });
        }
        Ok(())
    }

    /// What a child process needs to ask the same, without the memory that making it takes.
    pub(crate) fn to_json(&self) -> Value {
        let place = |place: &Place| match place {
            Place::Page(page) => json!(page),
            Place::Behind(mark) => json!([mark.updated_us, mark.id.to_string()]),
        };
        let probes = self.probes.iter().map(|probe| {
            let places: Vec<_> = probe.places.iter().map(place).collect();
            json!([probe.shape, places])
        });
        json!({ "probes": probes.collect::<Vec<_>>(), "threads": self.threads })
    }

    pub(crate) fn from_json(json: &Value) -> Result<Self> {
        let place = |json: &Value| match json.as_u64() {
            Some(page) => Ok(Place::Page(page)),
            None => {
                let time = json.get(0).and_then(Value::as_i64).context("a time")?;
                let id = json.get(1).and_then(Value::as_str).context("an id")?;
                Ok(Place::Behind(Mark::new(time, id.parse()?)?))
            }
        };
        let probe = |json: &Value| {
            let places = json.get(1).and_then(Value::as_array).context("places")?;
            Ok(Probe {
                depth: "",
                shape: json.get(0).and_then(Value::as_u64).context("a shape")? as usize,
                places: places.iter().map(place).collect::<Result<_>>()?,
                expected: Vec::new(),
            })
        };
        let probes = json
            .get("probes")
            .and_then(Value::as_array)
            .context("probes")?;
        let threads = json.get("threads").context("threads")?;
        Ok(Self {
            shapes: shapes(),
            sidebar: sidebar(),
            probes: probes.iter().map(probe).collect::<Result<_>>()?,
            totals: Vec::new(),
            sidebar_totals: Vec::new(),
            threads: serde_json::from_value(threads.clone())?,
        })
    }
}
