//! A process that several threads write in, killed at random: what it acknowledged is there, and
//! nothing is there by half.
//!
//! The child says each transaction when it has committed, and the parent keeps the record. A
//! child's writers go on where the file says that they were, so one file survives every kill.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::DateTime;
use convodb::prelude::*;
use convodb::{
    Channel, ContactId, Context, Conversation, ConversationId, DeliveryStatus, Error, Filter,
    Import, Inbound, Message, Options, Outbound, ProviderId, Receipt, Result, Transaction,
};

use super::random::Random;
use super::report::{Breach, Progress, Report};
use super::views;
use crate::child::{self, Child};

/// So many threads write at once.
const WRITERS: usize = 4;

/// Each transaction writes to both or to none.
const PAIR: [Channel; 2] = [Channel::Whatsapp, Channel::Webchat];

/// What the child is given as its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It acknowledges what it has committed.
    Honest,
    /// It acknowledges what it will commit: the positive control.
    Hasty,
}

/// So far ahead is the record of a hasty child.
const HASTE: u64 = 10;

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    pub kills: u64,
    pub manner: Manner,
}

fn contact(writer: usize) -> ContactId {
    ContactId::new(&format!("con_{writer}")).unwrap()
}

/// Kills a child so many times, and looks at the file after each. `start` runs a program that
/// gives its role to [`serve`].
pub fn run(plan: Plan, start: impl Fn(&str) -> Child, progress: &dyn Progress) -> Report {
    let mut report = Report::new(&[
        Breach::Lost,
        Breach::Torn,
        Breach::Unopened,
        Breach::Failed,
        Breach::Hung,
    ]);
    let mut random = Random::new(plan.seed);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let manner = match plan.manner {
        Manner::Honest => "honest",
        Manner::Hasty => "hasty",
    };
    let mut acknowledged = [0_u64; WRITERS];
    for kill in 0..plan.kills {
        let mut child = start(&format!("{manner} {}", path.display()));
        let heard = listen_and_kill(&mut child, &mut random, &mut acknowledged);
        report.tried("kills", 1);
        report.tried("acknowledged", heard);
        let describe = |what: String| format!("{what} after kill {kill} of seed {}", plan.seed);
        match Options::new().create(false).open(&path) {
            // Killed before it had made the file, which it says nothing of.
            Err(error) if heard == 0 && acknowledged == [0; WRITERS] && !path.exists() => {
                assert_eq!(error.kind(), convodb::ErrorKind::NotFound);
            }
            Err(error) => report.found(Breach::Unopened, || describe(format!("{error:?}"))),
            Ok(store) => {
                check(&store, &mut acknowledged, &mut report, &describe).unwrap();
                // What the child was building goes on.
                views::check(&store, &mut report);
            }
        }
        progress.at(kill + 1, plan.kills);
    }
    report
}

/// Kills the child after some time, and hears all that it has said.
fn listen_and_kill(child: &mut Child, random: &mut Random, record: &mut [u64; WRITERS]) -> u64 {
    let (words, micros) = (random.below(80), random.below(3_000));
    let mut heard = 0;
    loop {
        if heard == words {
            // A moment between two outputs, found by waiting.
            std::thread::sleep(Duration::from_micros(micros));
            child.kill();
        }
        let Some(line) = child.hear() else {
            return heard;
        };
        let (writer, number) = line.split_once(' ').unwrap();
        let (writer, number): (usize, u64) = (writer.parse().unwrap(), number.parse().unwrap());
        record[writer] = record[writer].max(number);
        heard += 1;
    }
}

/// Of each writer: its messages are numbered from 1 on both channels alike, and reach what it was
/// acknowledged. What was not acknowledged may be there too, but no more than was under way.
fn check(
    store: &Store,
    acknowledged: &mut [u64; WRITERS],
    report: &mut Report,
    describe: &dyn Fn(String) -> String,
) -> Result<()> {
    let verified = store.verify()?;
    if !verified.is_clean() {
        report.found(Breach::Torn, || {
            describe(format!("{:?}", verified.findings))
        });
    }
    for (writer, acknowledged) in acknowledged.iter_mut().enumerate() {
        let messages = [messages(store, writer, 0)?, messages(store, writer, 1)?];
        let [first, second] = messages.each_ref().map(|messages| said(messages));
        let in_order = first
            .iter()
            .zip(1..)
            .all(|(got, number)| *got == number.to_string());
        if first != second || !in_order {
            report.found(Breach::Torn, || {
                describe(format!("writer {writer}: {first:?} and {second:?}"))
            });
        }
        let count = first.len() as u64;
        check_retry(store, writer, &messages, report, describe);
        if count > *acknowledged + 1 {
            report.found(Breach::Torn, || {
                describe(format!(
                    "writer {writer} began {acknowledged} and has {count}"
                ))
            });
        }
        if count < *acknowledged {
            report.found(Breach::Lost, || {
                describe(format!(
                    "writer {writer} was given {acknowledged} and has {count}"
                ))
            });
        }
        // The next child goes on from here.
        *acknowledged = count;
    }
    Ok(())
}

/// The messages of a writer on one of its channels.
fn messages(store: &Store, writer: usize, channel: usize) -> Result<Vec<Message>> {
    match store.find_conversation(&contact(writer), PAIR[channel])? {
        Some(found) => Ok(store.transcript(found.id)?.messages),
        None => Ok(Vec::new()),
    }
}

fn said(messages: &[Message]) -> Vec<String> {
    let said = messages.iter().map(|message| message.content.as_text());
    said.map(|text| text.unwrap_or_default().to_owned())
        .collect()
}

/// The receipt that came first was applied and is no longer unmatched. Giving the last pair
/// again, as after a kill it may be stored or not, returns what is stored.
fn check_retry(
    store: &Store,
    writer: usize,
    messages: &[Vec<Message>; 2],
    report: &mut Report,
    describe: &dyn Fn(String) -> String,
) {
    let [first, second] = messages;
    let unread = second
        .iter()
        .find(|message| message.status != DeliveryStatus::Read);
    if let Some(message) = unread {
        let what = format!("writer {writer}: the receipt of {message:?} is lost");
        report.found(Breach::Lost, || describe(what));
    }
    let (Some(first), Some(second)) = (first.last(), second.last()) else {
        return;
    };
    let again =
        store.transaction(|tx| send_pair(tx, writer, second.content.as_text().unwrap_or("")));
    let is_known = matches!(&again, Ok([again, other]) if again == first && other == second);
    let unmatched = store.stats().map(|stats| stats.unmatched);
    if !is_known || !matches!(unmatched, Ok(0)) {
        let what = format!("writer {writer}: {again:?} and {unmatched:?} unmatched");
        report.found(Breach::Torn, || describe(what));
    }
}

/// The child's part.
pub fn serve(role: &str) {
    let (manner, path) = role.split_once(' ').unwrap();
    let ahead = if manner == "hasty" { HASTE } else { 0 };
    let store = Store::open(Path::new(path)).unwrap();
    crowd(&store).unwrap();
    let turns = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, turns) = (&store, &turns);
            scope.spawn(move || write(store, writer, ahead, turns));
        }
    });
}

/// Many conversations beside the writers', in which views are looked for each time anew.
fn crowd(store: &Store) -> Result<()> {
    const MANY: u64 = 1_500;
    let there = store.count(&Filter::all())?;
    let begun = DateTime::from_timestamp_millis(1_700_000_000_000).expect("a time");
    let imports = (0..MANY).map(|number| {
        let id = ConversationId::from_parts(1_600_000_000_000, number.into());
        let contact = ContactId::new(&format!("con_of_many_{number}")).expect("an id");
        let conversation = Conversation::new(id, contact, Channel::Messenger, begun);
        Import::new(conversation, Vec::new())
    });
    if there == 0 {
        store.import_all(imports)?;
    }
    views::save(store, store.commit_seq()?.get())
}

/// Writes until it is killed, or has written more than anyone waits for.
fn write(store: &Store, writer: usize, ahead: u64, turns: &AtomicU64) {
    const MOST: u64 = 2_000;
    let begun = messages(store, writer, 0).unwrap().len() as u64;
    for number in begun + 1..begun + MOST {
        store
            .transaction(|tx| write_pair(tx, writer, number))
            .unwrap();
        child::say(&format!("{writer} {}", number + ahead));
        // One of them packs the file, and the others wait.
        if turns.fetch_add(1, Ordering::Relaxed) % 64 == 63 {
            store.compact().unwrap();
        }
    }
}

fn write_pair(tx: &Transaction<'_>, writer: usize, number: u64) -> Result<(), Error> {
    let text = number.to_string();
    // It overtakes its message.
    let of = (PAIR[1], provider_id(writer, &text));
    tx.record_delivery(of, Receipt::read())?;
    send_pair(tx, writer, &text).map(drop)
}

fn provider_id(writer: usize, text: &str) -> ProviderId {
    ProviderId::new(&format!("wamid.{writer}.{text}")).unwrap()
}

/// One with a provider's id and a key, and one with a provider's id alone.
fn send_pair(tx: &Transaction<'_>, writer: usize, text: &str) -> Result<[Message; 2], Error> {
    let [first, second] = PAIR;
    let id = provider_id(writer, text);
    let inbound = Inbound::text(contact(writer), first, text).provider_id(id.as_str());
    let once = tx.with(Context::new().idempotency_key(id.as_str()));
    let first = once.receive(inbound)?.value;
    let outbound = Outbound::text(contact(writer), second, text).provider_id(id.as_str());
    Ok([first, tx.send(outbound)?.value])
}
