//! Purges of events, and the partitions that they empty.

use convodb::commands::{Acknowledge, AddConsumer, PurgeEvents, ReceiveMessage, Reopen, Resolve};
use convodb::{
    Channel, ConsumerName, ConsumerStart, ContactId, ConversationId, Error, ErrorKind, EventSeq,
    Execute as _, Inbound, Retention,
};
use convodb_postgres::{Numbering, PgOptions, PgRead as _, PgStore, migrate, roles};
use convodb_testkit::postgres::{is_installed, shared};

use crate::backend::{block_on, database};
use crate::store::Store;

/// The numbers of a partition.
const SIZE: u64 = 1 << 22;

fn psql(database: &str, sql: &str) -> String {
    shared().psql(database, sql)
}

fn open(url: &str, workspace: &str) -> PgStore {
    let options = PgOptions::new(url).unwrap().workspace(workspace);
    block_on(PgStore::open(options.background(false))).unwrap()
}

/// Lets the next event of a workspace without events have this number.
fn begin_at(database: &str, workspace: &str, number: u64) {
    let of = format!("ws = (SELECT ws FROM convodb.workspace WHERE name = '{workspace}')");
    let newest = number - 1;
    let head = format!("UPDATE convodb.head SET newest_event = {newest} WHERE {of}");
    psql(database, &head);
    let workspace = format!("UPDATE convodb.workspace SET oldest_event = {number} WHERE {of}");
    psql(database, &workspace);
}

/// Stores a conversation with so many events, most of them in its audit log.
fn converse(store: &PgStore, contact: &str, events: usize) -> ConversationId {
    let message = Inbound::text(ContactId::new(contact).unwrap(), Channel::Whatsapp, "Hello");
    let received = block_on(store.execute(ReceiveMessage { message })).unwrap();
    let conversation = received.value.conversation_id;
    for at in 2..events {
        match at % 2 {
            0 => block_on(store.execute(Resolve { conversation })),
            _ => block_on(store.execute(Reopen { conversation })),
        }
        .unwrap();
    }
    block_on(store.work_off()).unwrap();
    conversation
}

fn purge(store: &PgStore, retention: Retention) -> u64 {
    let limit = u64::MAX;
    let outcome = block_on(store.execute(PurgeEvents { retention, limit }));
    outcome.unwrap().value
}

/// The bytes of a partition, and its rows.
fn partition(database: &str, number: u64) -> (u64, u64) {
    let sql = format!(
        "SELECT pg_relation_size('convodb.event_{number}') || ' ' || count(*) FROM convodb.event_{number}"
    );
    let answer = psql(database, &sql);
    let (bytes, rows) = answer.split_once(' ').unwrap();
    (bytes.parse().unwrap(), rows.parse().unwrap())
}

fn numbers(store: &PgStore, after: u64) -> Vec<u64> {
    numbers_up_to(store, after, after + 1_000)
}

fn numbers_up_to(store: &PgStore, after: u64, last: u64) -> Vec<u64> {
    let count = usize::try_from(last - after).unwrap();
    let events = block_on(store.events(EventSeq::new(after), count)).unwrap();
    events.iter().map(|event| event.seq.get()).collect()
}

/// Adds a consumer, at the oldest event.
fn consume(store: &PgStore) {
    let (name, start) = (ConsumerName::new("search").unwrap(), ConsumerStart::Oldest);
    block_on(store.execute(AddConsumer { name, start })).unwrap();
}

fn acknowledge(store: &PgStore, up_to: u64) {
    let consumer = ConsumerName::new("search").unwrap();
    let up_to = EventSeq::new(up_to);
    block_on(store.execute(Acknowledge { consumer, up_to })).unwrap();
}

/// As the role of the application, which may create nothing.
fn purges_whole_partitions(numbering: Numbering, database_name: &str) {
    database(shared(), database_name);
    let [app, reader] = ["app", "reader"].map(|role| format!("{database_name}_{role}"));
    let create = format!("CREATE ROLE {app} LOGIN; CREATE ROLE {reader} LOGIN");
    psql(database_name, &create);
    psql(database_name, &roles(&app, &reader).unwrap());
    let store = open(&shared().url_as(&app, database_name), "main");
    block_on(store.set_numbering(numbering)).unwrap();
    begin_at(database_name, "main", SIZE - 10);
    let conversation = converse(&store, "con_1", 20);
    let audited = block_on(store.audit_log(conversation)).unwrap();
    assert!(audited.len() > 15);
    assert_eq!(
        numbers(&store, SIZE - 11),
        Vec::from_iter(SIZE - 10..SIZE + 10)
    );
    assert_eq!(partition(database_name, 0).1, 10);
    assert_eq!(partition(database_name, 1).1, 10);

    // What a consumer has not acknowledged stays, and its partition.
    consume(&store);
    assert_eq!(purge(&store, Retention::newest(5)), 0);
    acknowledge(&store, SIZE - 3);
    assert_eq!(purge(&store, Retention::newest(5)), 8);
    let (bytes, rows) = partition(database_name, 0);
    assert!(bytes > 0);
    assert_eq!(rows, 2);

    // A snapshot sees what is purged.
    acknowledge(&store, SIZE + 5);
    let snapshot = block_on(store.snapshot()).unwrap();
    assert_eq!(purge(&store, Retention::newest(8)), 4);
    let events = block_on(snapshot.events(EventSeq::new(SIZE - 3), 100)).unwrap();
    assert_eq!(events.len(), 12);
    assert_eq!(block_on(snapshot.audit_log(conversation)).unwrap(), audited);
    let (bytes, rows) = partition(database_name, 0);
    assert!(bytes > 0);
    assert_eq!(rows, 0);
    drop(snapshot);

    // Its pages are released with the purge behind it, and with no other one.
    assert_eq!(purge(&store, Retention::newest(6)), 2);
    assert_eq!(partition(database_name, 0), (0, 0));
    let (bytes, rows) = partition(database_name, 1);
    assert!(bytes > 0);
    assert_eq!(rows, 6);

    assert_eq!(
        numbers(&store, SIZE + 3),
        Vec::from_iter(SIZE + 4..SIZE + 10)
    );
    let error = block_on(store.events(EventSeq::new(SIZE + 2), 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EventsPurged);
    assert_eq!(block_on(store.audit_log(conversation)).unwrap(), audited);
    let report = block_on(store.verify()).unwrap();
    assert_eq!((report.findings.len(), report.events), (0, 6), "{report:?}");
    block_on(store.repair()).unwrap();
    assert_eq!(block_on(store.audit_log(conversation)).unwrap(), audited);
    let by_age = Retention::younger_than(std::time::Duration::ZERO).force();
    assert_eq!(purge(&store, by_age), 6);
    assert!(numbers(&store, SIZE + 9).is_empty());
}

#[test]
fn a_purge_releases_the_pages_of_whole_partitions() {
    if is_installed() {
        purges_whole_partitions(Numbering::Head, "purged");
    }
}

#[test]
fn a_purge_releases_the_pages_of_whole_partitions_of_settled_events() {
    if is_installed() {
        purges_whole_partitions(Numbering::Settled, "purged_settled");
    }
}

#[test]
fn a_purge_has_the_events_of_its_own_transaction() {
    if !is_installed() {
        return;
    }
    let url = database(shared(), "purged_within");
    for (numbering, workspace) in [(Numbering::Head, "head"), (Numbering::Settled, "settled")] {
        let store = open(&url, workspace);
        block_on(store.set_numbering(numbering)).unwrap();
        let conversation = converse(&store, "con_1", 2);
        let retention = Retention::newest(1);
        let purged = Store(store).transaction(|tx| {
            tx.resolve(conversation)?;
            let purged = tx.purge_events(retention)?.value;
            tx.reopen_conversation(conversation)?;
            Ok::<_, Error>((purged, tx.purge_events(retention)?.value))
        });
        assert_eq!(purged.unwrap(), (2, 1), "{numbering:?}");
    }
}

#[test]
fn a_purge_leaves_the_events_of_other_workspaces() {
    if !is_installed() {
        return;
    }
    let url = database(shared(), "purged_others");
    let [one, other] = ["one", "other"].map(|name| open(&url, name));
    for (store, name) in [(&one, "one"), (&other, "other")] {
        begin_at("purged_others", name, SIZE - 10);
        converse(store, "con_1", 20);
    }
    assert_eq!(purge(&one, Retention::newest(5)), 15);
    assert_eq!(partition("purged_others", 0).1, 10);
    assert_eq!(numbers(&other, SIZE - 11).len(), 20);
    // Behind the last of them the partition is empty.
    assert_eq!(purge(&other, Retention::newest(5)), 15);
    assert_eq!(partition("purged_others", 0), (0, 0));
    for store in [one, other] {
        assert_eq!(numbers(&store, SIZE + 4).len(), 5);
        assert!(block_on(store.verify()).unwrap().is_clean());
    }
}

#[test]
fn a_workspace_that_keeps_more_than_a_partition_leaves_rows_until_all_of_theirs_are_purged() {
    if !is_installed() {
        return;
    }
    let url = database(shared(), "purged_late");
    let store = open(&url, "main");
    begin_at("purged_late", "main", SIZE + 1);
    let conversation = converse(&store, "con_1", 20);
    let audited = block_on(store.audit_log(conversation)).unwrap();
    // As if millions came behind.
    let newest = |number: u64| {
        let sql = format!("UPDATE convodb.head SET newest_event = {number}");
        psql("purged_late", &sql);
    };
    newest(3 * SIZE);
    let keep = |from: u64| Retention::newest(3 * SIZE + 1 - from);
    for (from, purged) in [(SIZE + 8, 7), (SIZE + 10, 2)] {
        assert_eq!(purge(&store, keep(from)), purged);
        assert_eq!(partition("purged_late", 1).1, 20);
        let error = block_on(store.events(EventSeq::new(from - 2), 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EventsPurged);
        let kept = numbers_up_to(&store, from - 1, SIZE + 20);
        assert_eq!(kept, Vec::from_iter(from..=SIZE + 20));
        assert_eq!(block_on(store.audit_log(conversation)).unwrap(), audited);
    }
    assert_eq!(purge(&store, keep(2 * SIZE)), SIZE - 10);
    assert_eq!(partition("purged_late", 1), (0, 0));
    assert_eq!(block_on(store.audit_log(conversation)).unwrap(), audited);
}

#[test]
fn migrate_makes_partitions_ahead_and_drops_empty_ones_behind() {
    if !is_installed() {
        return;
    }
    let url = database(shared(), "partitions");
    let made = || {
        let sql = "SELECT string_agg(n::text, ' ' ORDER BY n) FROM (SELECT substring(relname FROM 7)::int AS n \
                   FROM pg_class WHERE relkind = 'r' AND relname ~ '^event_[0-9]') p";
        psql("partitions", sql)
    };
    let run = || block_on(migrate(&PgOptions::new(&url).unwrap())).unwrap();
    assert_eq!(made(), "0 1 2 3 4 5 6 7");
    let store = open(&url, "main");
    begin_at("partitions", "main", 5 * SIZE);
    // A workspace to come begins at the first one.
    run();
    assert_eq!(made(), "0 1 2 3 4 5 6 7 8 9 10 11 12");

    // Where none was made, events are as exact.
    let far = 100 * SIZE - 10;
    begin_at("partitions", "main", far);
    let conversation = converse(&store, "con_1", 20);
    let rest = || psql("partitions", "SELECT count(*) FROM convodb.event_rest");
    assert_eq!(rest(), "20");
    run();
    assert_eq!(made(), "0 1 2 3 4 5 6 7 101 102 103 104 105 106 107 108");
    assert_eq!(purge(&store, Retention::newest(12)), 8);
    assert_eq!(numbers(&store, far + 7), Vec::from_iter(far + 8..far + 20));
    assert_eq!(rest(), "12");
    let audited = block_on(store.audit_log(conversation)).unwrap();
    assert_eq!(audited.len(), 19);
    assert!(block_on(store.verify()).unwrap().is_clean());

    // It locks nothing where nothing is to be done.
    let snapshot = block_on(store.snapshot()).unwrap();
    run();
    drop(snapshot);
}
