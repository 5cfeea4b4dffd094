//! Every answer of every engine against the generator, before anything is timed; and the engines
//! against each other after the writes.

use anyhow::{Context as _, Result, ensure};
use convodb::{AssigneeKind, Content};

use crate::data::{Assignee, Dataset, Message};
use crate::engine::{Answers, Engine, Kind, Row, Rows, Thread};
use crate::plan::{Plan, Target};

pub(crate) fn plain_id(text: &str) -> Result<u128> {
    let (_, ulid) = text.split_once('_').context("an id without a prefix")?;
    Ok(ulid::Ulid::from_string(ulid)?.0)
}

pub(crate) fn plain_row(row: &convodb::Conversation) -> Result<Row> {
    let assignee = |one: &convodb::Assignee| Assignee {
        kind: match one.id.kind() {
            AssigneeKind::User => AssigneeKind::User,
            AssigneeKind::Team => AssigneeKind::Team,
        },
        id: one.id.as_str().into(),
        name: one.name.clone(),
    };
    Ok(Row {
        id: plain_id(&row.id.to_string())?,
        contact: row.contact_id.as_str().into(),
        channel: row.channel,
        status: row.status,
        assignee: row.assigned_to.as_ref().map(assignee),
        created_us: row.created_at.timestamp_micros(),
        updated_us: row.updated_at.timestamp_micros(),
    })
}

fn plain_rows(rows: Rows) -> Result<Vec<Row>> {
    match rows {
        Rows::Plain(rows) => Ok(rows),
        Rows::Convodb(rows) => rows.iter().map(plain_row).collect(),
    }
}

fn plain_message(message: &convodb::Message) -> Result<Message> {
    let Content::Text { text, .. } = &message.content else {
        anyhow::bail!("a message that is no text");
    };
    Ok(Message {
        id: plain_id(&message.id.to_string())?,
        direction: message.direction,
        status: message.status,
        content: text.as_str().into(),
        created_us: message.created_at.timestamp_micros(),
    })
}

fn plain_thread(thread: Thread) -> Result<(Row, Vec<Message>)> {
    match thread {
        Thread::Plain(row, messages) => Ok((row, messages)),
        Thread::Convodb(thread) => Ok((
            plain_row(&thread.conversation)?,
            thread
                .messages
                .iter()
                .map(plain_message)
                .collect::<Result<_>>()?,
        )),
    }
}

/// Every page, total and history that will be timed.
pub(crate) fn reads(
    kind: Kind,
    engine: &mut dyn Engine,
    data: &Dataset,
    plan: &Plan,
) -> Result<()> {
    let name = kind.name();
    pages(name, engine, data, plan, |depth| kind.pages(depth))?;
    match kind.has_file() {
        true => rest(name, engine, data, plan),
        false => Ok(()),
    }
}

/// The pages at these depths.
pub(crate) fn pages(
    name: &str,
    engine: &mut (impl Answers + ?Sized),
    data: &Dataset,
    plan: &Plan,
    has: impl Fn(&str) -> bool,
) -> Result<()> {
    for probe in plan.probes.iter().filter(|probe| has(probe.depth)) {
        let shape = plan.shapes.get(probe.shape).context("no such shape")?.name;
        let depth = probe.depth;
        for (place, expected) in probe.places.iter().zip(&probe.expected) {
            let page = engine.page(probe.shape, place)?;
            let total = plan.totals.get(probe.shape).copied();
            ensure!(
                Some(page.total) == total,
                "{name}: total of {depth}/{shape}: {} and not {total:?}",
                page.total
            );
            let row = |number: &u32| Row::of(&data.conversation(*number), &data.directory);
            let expected: Vec<Row> = expected.iter().map(row).collect();
            let rows = plain_rows(page.rows)?;
            ensure!(
                rows == expected,
                "{name}: rows of {depth}/{shape} differ: {rows:#?} and not {expected:#?}"
            );
        }
    }
    Ok(())
}

/// The sidebar and the histories.
pub(crate) fn rest(
    name: &str,
    engine: &mut (impl Answers + ?Sized),
    data: &Dataset,
    plan: &Plan,
) -> Result<()> {
    let counts = engine.counts()?;
    ensure!(
        counts == plan.sidebar_totals,
        "{name}: the sidebar differs: {counts:?} and not {:?}",
        plan.sidebar_totals
    );
    for number in plan.threads.iter().flatten() {
        let conversation = data.conversation(*number);
        let thread = plain_thread(engine.thread(&Target::new(conversation.id))?)?;
        let expected = (
            Row::of(&conversation, &data.directory),
            data.messages(&conversation).collect(),
        );
        ensure!(
            thread == expected,
            "{name}: the history of conversation {number} differs"
        );
    }
    Ok(())
}

/// What commands left behind, but for the times at which they came.
#[derive(Debug, PartialEq)]
pub(crate) struct Aftermath {
    totals: Vec<u64>,
    threads: Vec<(Row, Vec<Box<str>>)>,
}

impl Aftermath {
    pub(crate) fn of(engine: &mut dyn Engine, touched: &[Target]) -> Result<Self> {
        let thread = |target: &Target| {
            let (mut row, messages) = plain_thread(engine.thread(target)?)?;
            row.updated_us = 0;
            let mut texts: Vec<_> = messages.into_iter().map(|one| one.content).collect();
            // Threads come in any order.
            texts.sort_unstable();
            Ok((row, texts))
        };
        Ok(Self {
            threads: touched.iter().map(thread).collect::<Result<_>>()?,
            totals: engine.counts()?,
        })
    }
}
