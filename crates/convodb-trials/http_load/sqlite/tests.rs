//! The answers from SQLite are those of convodb's own types, byte for byte.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use compare::data::{Conversation, Dataset, parts, text};
use compare::engine::Kind;
use compare::engines::{convodb as convodb_file, sqlite as layout};
use convodb::prelude::*;
use convodb::{ContactId, ConversationId, Filter, Inbound, PageRequest, Status};
use serde_json::Value;
use tempfile::TempDir;

use super::prepare;
use super::reads::{Reader, numbers};
use super::writes::Writer;
use crate::hand::{List, MessageDocument, Receive};

/// Enough for pages that are reached from the far end.
const SIZE: u32 = 3_000;

struct Both {
    directory: TempDir,
    data: Dataset,
    store: Store,
    reader: Reader,
}

fn both() -> Result<Both> {
    let directory = tempfile::tempdir()?;
    let data = Dataset::new(SIZE, 90);
    Kind::Convodb.make_file(&data, directory.path(), &|_| {})?;
    Kind::Sqlite.make_file(&data, directory.path(), &|_| {})?;
    let file = directory.path().join(layout::BEST_FILE);
    prepare(&file)?;
    Ok(Both {
        store: Store::open(directory.path().join(convodb_file::FILE))?,
        reader: Reader::new(&file, Arc::new(numbers(&layout::connect(&file)?)?))?,
        directory,
        data,
    })
}

impl Both {
    fn list_alike(&mut self, query: &str) -> Result<String> {
        let (filter, page, list) = list(query)?;
        let page = self.store.list(&filter, page)?;
        let expected = String::from_utf8(serde_json::to_vec(&page)?)?;
        let found = String::from_utf8(self.reader.list(&list)?)?;
        assert_eq!(found, expected, "{query}");
        Ok(found)
    }
}

fn list(query: &str) -> Result<(Filter, PageRequest, List)> {
    let (filter, page) = Filter::from_query(query)?;
    let list = List::new(filter.clone(), page);
    let list = list.map_err(|_| anyhow::anyhow!("{query} is not served"))?;
    Ok((filter, page, list))
}

fn typed(one: &Conversation) -> ConversationId {
    let (millis, random) = parts(one.id);
    ConversationId::from_parts(millis, random)
}

#[test]
fn every_page_is_convodbs_byte_for_byte() -> Result<()> {
    let mut both = both()?;
    for status in ["open", "resolved", "all"] {
        for channel in ["", "&channel=whatsapp", "&channel=webchat"] {
            for assigned_to in [
                "",
                "&assigned_to=unassigned",
                "&assigned_to=usr_01H00000000000000000000001",
                "&assigned_to=unassigned,usr_01H00000000000000000000001,team_01H0000000000000000000202",
                "&assigned_to=unassigned,usr_nobody",
                "&assigned_to=usr_nobody",
            ] {
                for page in [1, 2, 7, 52, 76, 77, 120, 150, 151, 10_000] {
                    let query = format!("status={status}{channel}{assigned_to}&page={page}");
                    both.list_alike(&query)?;
                }
            }
        }
    }
    assert!(
        both.list_alike("status=all&page=150")?
            .contains(r#""total":3000"#)
    );
    Ok(())
}

#[test]
fn every_conversation_is_convodbs_byte_for_byte() -> Result<()> {
    let mut both = both()?;
    for number in (0..SIZE).step_by(7) {
        let one = both.data.conversation(number);
        let expected = serde_json::to_string(&both.store.transcript(typed(&one))?)?;
        let found = both.reader.get(one.id)?.unwrap_or_default();
        assert_eq!(String::from_utf8(found)?, expected);
    }
    assert!(both.reader.get(1)?.is_none());
    Ok(())
}

/// Without the ids that each store gives by itself.
fn without_ids(mut document: Value) -> Value {
    let rows = document.get_mut("data").and_then(Value::as_array_mut);
    for row in rows.into_iter().flatten() {
        row["id"].take();
    }
    for field in ["id", "conversation_id", "next"] {
        document
            .as_object_mut()
            .and_then(|fields| fields.remove(field));
    }
    document
}

/// With one word for the times since then: a message comes to each store at a time of its own.
fn with_arrivals(mut page: Value, begun: DateTime<Utc>) -> Result<Value> {
    let rows = page["data"].as_array_mut().context("a page has rows")?;
    for row in rows {
        let updated_at = row["updated_at"].as_str().context("it has a time")?;
        if updated_at.parse::<DateTime<Utc>>()? >= begun {
            row["updated_at"] = "since then".into();
        }
    }
    Ok(page)
}

#[test]
fn a_message_does_to_its_conversation_what_it_does_in_convodb() -> Result<()> {
    let begun = Utc::now() - TimeDelta::milliseconds(1);
    let mut both = both()?;
    let writer = Writer::start(&both.directory.path().join(layout::BEST_FILE))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    // What a message reopens is reopened in each store's own moment.
    let open = |one: &Conversation| one.status == Status::Open;
    let open: Vec<_> = both.data.conversations().filter(open).take(30).collect();
    for (number, one) in (0..).zip(&open) {
        // Older than everything, among it, and newer.
        let day = ["2024-01-01", "2025-02-01", "2025-12-31"][number as usize % 3];
        let at: DateTime<Utc> = format!("{day}T00:00:{number:02}.000250Z").parse()?;
        let new = format!("con_new_{}", number / 2);
        for contact in [one.contact(), &new] {
            let (contact, content) = (ContactId::new(contact)?, text(number));
            let inbound = Inbound::text(&contact, one.channel, content.as_str()).provider_time(at);
            let expected = serde_json::to_value(both.store.receive(inbound)?.value)?;
            let received = runtime.block_on(writer.receive(Receive {
                contact,
                channel: one.channel,
                text: content,
                sent_us: Some(at.timestamp_micros()),
            }))?;
            let found = MessageDocument::of(received.conversation, &received.message);
            let found = serde_json::to_value(&found)?;
            assert_eq!(without_ids(found), without_ids(expected));
        }
    }
    for page in 1..=30 {
        let (filter, request, list) = list(&format!("status=open&page={page}"))?;
        let expected = serde_json::to_value(both.store.list(&filter, request)?)?;
        let found = serde_json::from_slice(&both.reader.list(&list)?)?;
        let found = with_arrivals(without_ids(found), begun)?;
        let expected = with_arrivals(without_ids(expected), begun)?;
        assert_eq!(found, expected, "page {page}");
    }
    Ok(())
}

#[test]
fn a_message_to_a_resolved_conversation_reopens_it_now() -> Result<()> {
    let mut both = both()?;
    let writer = Writer::start(&both.directory.path().join(layout::BEST_FILE))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let resolved = |one: &Conversation| one.status == Status::Resolved;
    let one = both.data.conversations().find(resolved);
    let one = one.context("all are open")?;
    let (filter, request, list) = list("status=open&limit=1")?;
    let before = both.store.list(&filter, request)?.total;
    runtime.block_on(writer.receive(Receive {
        contact: ContactId::new(one.contact())?,
        channel: one.channel,
        text: text(1),
        sent_us: Some(one.created_us),
    }))?;
    let page: Value = serde_json::from_slice(&both.reader.list(&list)?)?;
    assert_eq!(page["total"], before + 1);
    // It is first, as the reopening is activity, and not the old message.
    assert_eq!(page["data"][0]["contact_id"], one.contact());
    assert_eq!(page["data"][0]["unread_count"], 1);
    assert_eq!(page["data"][0]["revision"], 1);
    Ok(())
}
