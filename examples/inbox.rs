//! An inbox of 100,000 generated conversations: filters, counts, pages, a cursor and a snapshot.
//!
//! `cargo run --release --example inbox -- [--json] [SIZE | FILE]`
//!
//! FILE has conversations in the JSON of the API, one per line or as an array. `--json` prints the
//! pages of the open inbox and its first conversation. `convodb demo`, of the tool, shows more.

use std::error::Error;
use std::io::{self, Write as _};
use std::time::Instant;
use std::{env, fs};

use chrono::{DateTime, TimeDelta};
use convodb::prelude::*;
use convodb::{
    Assignee, Channel, ContactId, Content, Conversation, ConversationId, Direction, Filter, Import,
    Inbound, InvalidInput, Message, MessageId, Status, UserId,
};

type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result {
    let (flags, rest): (Vec<_>, Vec<_>) = env::args().skip(1).partition(|arg| arg == "--json");
    let source = rest.first().map_or("100000", |arg| arg);
    let directory = tempfile::tempdir()?;
    let store = Store::open(directory.path().join("inbox.convodb"))?;
    let begun = Instant::now();
    match source.parse::<u32>() {
        Ok(size) => store.import_all((0..size).map_while(|number| generate(number).ok()))?,
        Err(_) => read(source).and_then(|all| Ok(store.transaction(|tx| tx.import_all(all))?))?,
    };
    let text = match flags.is_empty() {
        true => format!("imported in {:.1?}; {}", begun.elapsed(), tables(&store)?),
        false => documents(&store)?,
    };
    io::stdout().write_all(text.as_bytes()).ok(); // The reader may have closed the pipe.
    Ok(())
}

fn tables(store: &Store) -> Result<String> {
    let snapshot = store.snapshot()?; // All its results are of one commit.
    let unassigned = Filter::open().unassigned();
    let mine = unassigned.assigned_to(UserId::new("usr_1")?);
    let views = [
        ("all", Filter::all()),
        ("open", Filter::open()),
        ("open, unread", Filter::open().unread()),
        ("all, WhatsApp", Filter::all().channel(Channel::Whatsapp)),
        ("open, mine or unassigned", mine),
    ];
    let filters = views.each_ref().map(|(_, filter)| filter.clone());
    let mut text = String::from("microseconds of all counts");
    let counts = timed(&mut text, || snapshot.counts(&filters))?;
    text += "\n\nmicroseconds of pages       total    first   middle     last   cursor\n";
    for ((name, filter), total) in views.iter().zip(counts) {
        text += &format!("{name:<25} {total:>7}");
        let last = total.div_ceil(20).max(1);
        for number in [1, last.div_ceil(2), last] {
            timed(&mut text, || snapshot.list(filter, (number, 20)))?;
        }
        if let Some(cursor) = snapshot.list(filter, (last.div_ceil(2), 20))?.next {
            timed(&mut text, || snapshot.list(filter, (cursor, 20)))?;
        }
        text.push('\n');
    }
    let last = snapshot.count(&Filter::all())?.max(1);
    for row in snapshot.list(&Filter::all(), (last, 1))?.data {
        let hello = Inbound::text(&row.contact_id, row.channel, "Hello again");
        text += "\nmicroseconds of a new message in the last conversation, durable:";
        timed(&mut text, || store.receive(hello.clone()))?;
        assert_eq!(store.rank(row.id, &Filter::all())?, Some(0));
        assert_eq!(snapshot.rank(row.id, &Filter::all())?, Some(last - 1));
    }
    Ok(text + "\n")
}

fn timed<T>(text: &mut String, call: impl Fn() -> convodb::Result<T>) -> convodb::Result<T> {
    let begun = Instant::now();
    let value = call()?;
    *text += &format!(" {:>8.1}", begun.elapsed().as_secs_f64() * 1e6);
    Ok(value)
}

fn documents(store: &Store) -> Result<String> {
    let mut lines = Vec::new();
    for number in 1..=store.count(&Filter::open())?.div_ceil(20).max(1) {
        let page = store.list(&Filter::open(), (number, 20))?;
        lines.push(serde_json::to_string(&page)?);
    }
    for row in store.list(&Filter::open(), (1, 1))?.data {
        lines.push(serde_json::to_string(&store.transcript(row.id)?)?);
    }
    Ok(lines.join("\n") + "\n")
}

fn read(path: &str) -> Result<Vec<Import>> {
    let text = fs::read_to_string(path)?;
    if text.trim_start().starts_with('[') {
        return Ok(serde_json::from_str(&text)?);
    }
    let lines = serde_json::Deserializer::from_str(&text).into_iter();
    Ok(lines.collect::<Result<_, _>>()?)
}

fn generate(number: u32) -> Result<Import, InvalidInput> {
    let random = &mut fastrand::Rng::with_seed(number.into());
    let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(random.i64(1_735_689_600..1_767_225_600));
    let id = ConversationId::from_parts(at.timestamp_millis().unsigned_abs(), number.into());
    let contact = ContactId::new(&format!("con_{number}"))?;
    let channel = random.choice(Channel::ALL).unwrap_or(Channel::Whatsapp);
    let mut conversation = Conversation::new(id, contact, channel, at);
    conversation.status = random.choice(Status::ALL).unwrap_or(Status::Open);
    conversation.unread_count = random.u64(..2);
    let agent = UserId::new(&format!("usr_{}", random.u8(..20)))?;
    conversation.assigned_to = random.bool().then(|| Assignee::new(agent, "Agent"));
    let id = MessageId::from_parts(at.timestamp_millis().unsigned_abs(), number.into());
    let text = Content::text(format!("Where is my order {number}?"));
    let message = Message::new(id, conversation.id, Direction::Inbound, text, at);
    Ok(Import::new(conversation, vec![message]))
}
