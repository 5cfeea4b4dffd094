//! Rules over what a file alone can have: crashes, backups and compaction; and what it counts of its rows.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb::commands::{Edit, Revoke};
use convodb::prelude::*;
use convodb::testing::{ManualClock, SeededIds, reassign_now};
use convodb::{
    Channel, ContactId, Filter, Inbound, MessageRef, Options, ProviderId, Sort, TeamId, UserId,
    View, ViewId,
};
use convodb_testkit::fixture::{clock, options};
use convodb_testkit::harness::disk::MemoryDisk;

use crate::rules::inbox::{Inbox, contact, time};

fn inbound(from: ContactId, text: &str) -> Inbound {
    Inbound::text(from, Channel::Whatsapp, text)
}

#[test]
fn a_clock_that_was_corrected_over_a_restart_is_corrected_behind_a_crash() {
    let disk = MemoryDisk::default();
    let ahead: DateTime<Utc> = time("2036-04-16T09:00:00Z");
    let clock = ManualClock::at(ahead);
    let options = || Options::new().clock(clock.clone()).ids(SeededIds::new(7));
    let opened = |disk: &MemoryDisk| options().disk(Arc::new(disk.clone())).open("/inbox.redb");
    let who = contact("con_01HXYZ");
    let store = opened(&disk).unwrap();
    let id = store
        .receive(inbound(who.clone(), "ahead"))
        .unwrap()
        .value
        .conversation_id;
    store.close().unwrap();

    let present = time("2026-04-16T09:00:00Z");
    clock.set(present);
    let store = opened(&disk).unwrap();
    let after = store.receive(inbound(who.clone(), "present")).unwrap();
    assert_eq!(after.value.created_at, present);
    let seen = store.transcript(id).unwrap();
    let crashed = MemoryDisk::of(disk.image());
    // Recovery does not read the clock.
    clock.set(ahead);
    let recovered = opened(&crashed).unwrap();
    assert_eq!(recovered.transcript(id).unwrap(), seen);
    clock.set(present - Duration::from_secs(30));
    let next = recovered.receive(inbound(who, "next")).unwrap().value;
    assert_eq!(next.created_at, present, "the last commit's time");
    assert!(recovered.verify().unwrap().is_clean());
}

#[test]
fn the_stores_clock_never_runs_back_behind_a_reopening() {
    let inbox = Inbox::new();
    let latest = inbox.hello("con_01HXYZ").created_at;
    inbox.clock.set(latest - Duration::from_secs(60));
    inbox.store.reopen().unwrap();
    assert_eq!(inbox.hello("con_01HXYZ").created_at, latest);
}

#[test]
fn times_in_the_future_are_counted_in_every_row_until_a_repair() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let present = inbox.later();
    inbox.clock.set(present + Duration::from_secs(365 * 86_400));
    for text in ["ahead 1", "ahead 2"] {
        let ahead = inbound(contact("con_01HXYZ"), text);
        inbox.store.receive(ahead).unwrap();
    }
    inbox.store.add_note(id, "ahead").unwrap();
    inbox.clock.set(present);
    // A conversation, two messages, a note.
    let report = inbox.store.verify().unwrap();
    assert_eq!(report.times_in_the_future, 4);
    assert_eq!(inbox.store.repair().unwrap().times_in_the_future, 0);
}

#[test]
fn members_outlive_a_killed_process_a_backup_and_a_compaction() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let copy = |name: &str| directory.path().join(name);
    let store = Options::new().open(&path).unwrap();
    let [a, b, c] = ["usr_a", "usr_b", "usr_c"].map(|id| UserId::new(id).unwrap());
    let [billing, sales] = ["team_billing", "team_sales"].map(|id| TeamId::new(id).unwrap());
    for user in [&a, &b, &c] {
        store.save_user(user, "A user").unwrap();
    }
    store
        .save_team_with_members(&billing, "Billing", [a.clone(), b.clone()])
        .unwrap();
    let hello = store.receive(inbound(contact("con_1"), "Hello")).unwrap();
    store.assign(hello.value.conversation_id, &b).unwrap();
    store.flush().unwrap();
    store.remove_assignee(&a.into(), None).unwrap();
    store
        .save_team_with_members(&sales, "Sales", [c.clone(), b.clone()])
        .unwrap();
    let check = |store: &Store| {
        assert_eq!(
            store.members_of(&billing).unwrap(),
            std::slice::from_ref(&b)
        );
        assert_eq!(store.team(&sales).unwrap().members, [b.clone(), c.clone()]);
        for team in [&billing, &sales] {
            let of_members = Filter::open().members_of(team);
            assert_eq!(store.count(&of_members).unwrap(), 1);
        }
        assert!(store.verify().unwrap().is_clean());
    };
    check(&store);
    // As a process leaves it that is killed: the log is replayed.
    fs::copy(&path, copy("killed.redb")).unwrap();
    check(&Store::open(copy("killed.redb")).unwrap());
    store.backup(copy("backup.redb")).unwrap();
    check(&Store::open(copy("backup.redb")).unwrap());
    store.compact().unwrap();
    check(&store);
}

fn view(text: &str) -> ViewId {
    ViewId::new(text).unwrap()
}

#[test]
fn a_backup_has_the_views_of_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("inbox.redb")).unwrap();
    for number in 0..30 {
        let from = contact(&format!("con_{number}"));
        store.receive(inbound(from, "Hello")).unwrap();
    }
    let (all, none) = (view("view_all"), view("view_none"));
    for (id, filter) in [(&all, Filter::all()), (&none, Filter::resolved())] {
        store.save_view(id, "A view", filter, Sort::Oldest).unwrap();
    }
    let copy = directory.path().join("copy.redb");
    store.backup(&copy).unwrap();
    let copied = Store::open(&copy).unwrap();
    let views: Vec<View> = store.views().unwrap();
    assert_eq!(copied.views().unwrap(), views);
    assert_eq!(copied.count(&Filter::view(&all)).unwrap(), 30);
    let stats = store.stats().unwrap().views;
    assert_eq!(stats.len(), views.len());
    for (stats, view) in stats.iter().zip(&views) {
        let rows = store.count(&Filter::view(&view.id)).unwrap();
        assert_eq!((&stats.id, stats.rows), (&view.id, rows));
        assert_eq!(stats.bytes > 0, rows > 0);
    }
}

#[test]
fn the_rows_of_a_view_that_was_changed_or_removed_go() {
    let inbox = Inbox::by_hand();
    let store = &inbox.store;
    for number in 0..12 {
        inbox.hello(&format!("con_{number}"));
    }
    let rows = || store.verify().unwrap().index_rows;
    let without = rows();
    let id = view("view_any");
    for (filter, left) in [(Filter::open(), 12), (Filter::resolved(), 0)] {
        store.save_view(&id, "Any", filter, Sort::Oldest).unwrap();
        for _ in 0..16 {
            reassign_now(store, 4).unwrap();
        }
        assert_eq!(rows(), without + left);
    }
    // One that is not yet complete.
    store
        .save_view(&id, "Any", Filter::open(), Sort::Oldest)
        .unwrap();
    reassign_now(store, 5).unwrap();
    store.remove_view(&id).unwrap();
    for _ in 0..4 {
        reassign_now(store, 4).unwrap();
    }
    assert_eq!(rows(), without);
    assert!(store.verify().unwrap().is_clean());
}

/// What must not be in a file any more.
const SECRET: &str = "an-unusual-secret-4117";

fn has_secret(path: &Path) -> bool {
    let bytes = fs::read(path).unwrap();
    let mut windows = bytes.windows(SECRET.len());
    windows.any(|window| window == SECRET.as_bytes())
}

fn by_id(id: &str) -> MessageRef {
    MessageRef::from((Channel::Whatsapp, ProviderId::new(id).unwrap()))
}

#[test]
fn an_edit_that_waited_is_erased_with_its_message_from_the_log_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = options(&clock()).open(&path).unwrap();
    let edit = Edit::new(by_id("w1"), SECRET);
    assert!(store.edit(edit).unwrap().value.is_none());
    assert!(has_secret(&path), "the log has it");
    let revoked = store.revoke(Revoke::new(by_id("w1"))).unwrap();
    assert!(revoked.value.is_none());
    assert!(!has_secret(&path), "nothing has it");
}

#[test]
fn a_revoked_message_is_gone_from_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = options(&clock()).open(&path).unwrap();
    let secret = inbound(contact("con_1"), SECRET).provider_id("w1");
    store.receive(secret).unwrap();
    store.revoke(Revoke::new(by_id("w1"))).unwrap();
    store.compact().unwrap();
    store.close().unwrap();
    assert!(
        !has_secret(&path),
        "the content of a revoked message is in the file"
    );
}

#[test]
fn contacts_that_were_merged_are_so_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let (from, into) = (contact("con_from"), contact("con_into"));
    let store = Store::open(&path).unwrap();
    let gone = store.receive(inbound(from.clone(), "Hello")).unwrap().value;
    let kept = store.receive(inbound(into.clone(), "Hello")).unwrap().value;
    store.merge_contacts(&from, &into).unwrap();
    // Nothing but the log has the merge.
    let copy = directory.path().join("copy.redb");
    fs::copy(&path, &copy).unwrap();
    let crashed = Store::open(&copy).unwrap();
    let found = crashed.conversation(gone.conversation_id).unwrap();
    assert_eq!(found.id, kept.conversation_id);
    assert_eq!(crashed.conversations_of(&from).unwrap(), [found]);
    assert!(crashed.verify().unwrap().is_clean());
}
