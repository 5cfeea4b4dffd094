//! One disturbance at a time: a request that is lost at a known moment, locks of others, clocks, and poolers.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use convodb::commands::{AddNote, ReceiveMessage, Resolve, ResolveAll};
use convodb::{
    Conversation, ConversationId, Error, ErrorKind, EventSeq, Filter, Inbound, Note, Outcome,
    PageRequest, Result, Selection, Status,
};
use convodb_postgres::{PgDurability, PgOptions, PgRead, PgStore, testing};
use convodb_testkit::failures::bouncer::{self, Bouncer};
use convodb_testkit::failures::kills;
use convodb_testkit::failures::load::{Load, block_on, database, report};
use convodb_testkit::failures::proxy::{Cut, Proxy};
use convodb_testkit::failures::writer::{CHANNEL, begin, contact};
use convodb_testkit::postgres::{Server, is_installed, shared};
use futures_util::future::join_all;
use tokio::task::JoinHandle;

use crate::failures::{clean, moment};

/// A store that reaches the server by a proxy, with a conversation.
async fn behind(proxy: &Proxy, database: &str) -> (PgStore, ConversationId) {
    let options = PgOptions::new(&proxy.url(database)).unwrap();
    let options = options.deadline(Duration::from_secs(20)).background(false);
    let store = PgStore::open(options).await.unwrap();
    let conversation = begin(&store, 1).await.unwrap()[0];
    (store, conversation)
}

fn note(conversation: ConversationId, content: &str) -> AddNote {
    AddNote {
        conversation,
        content: content.to_owned(),
    }
}

/// Gives a note while a test goes on.
fn give_once(store: &PgStore, conversation: ConversationId) -> JoinHandle<Result<Outcome<Note>>> {
    let store = store.clone();
    tokio::spawn(async move { store.execute(note(conversation, "given once")).await })
}

#[test]
fn the_answer_is_that_of_the_try_that_happened() {
    if is_installed() {
        let server = shared();
        let database = database(server);
        block_on(async {
            let proxy = Proxy::start(server).await;
            let (store, conversation) = behind(&proxy, &database).await;
            proxy.cut(1, Some(Cut::Before));
            let giving = give_once(&store, conversation);
            // The first request does not come, and of the second one the answer.
            for cut in [Cut::Before, Cut::After] {
                while proxy.cuts(cut) == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                proxy.cut(u64::from(cut == Cut::Before), Some(Cut::After));
            }
            let answer = giving.await.unwrap().unwrap();
            assert!(answer.effect.changed && !answer.is_duplicate);
            assert_eq!(store.notes(conversation).await.unwrap(), [answer.value]);
        });
    }
}

#[test]
fn a_commit_whose_mark_may_be_gone_is_reported_as_unknown() {
    if is_installed() {
        let server = shared();
        let database = database(server);
        block_on(async {
            let proxy = Proxy::start(server).await;
            let (store, conversation) = behind(&proxy, &database).await;
            proxy.cut(1, Some(Cut::After));
            let giving = give_once(&store, conversation);
            while proxy.cuts(Cut::After) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            proxy.close(true);
            proxy.cut(0, None);
            let count = "SELECT count(*) FROM convodb.note";
            while server.psql(&database, count) == "0" {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // As behind ten thousand commits.
            server.psql(&database, "DELETE FROM convodb.journal");
            proxy.close(false);
            let error = giving.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::CommitUnknown, "{error}");
            assert_eq!(store.notes(conversation).await.unwrap().len(), 1);
        });
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_up_at_the_deadline() {
    if is_installed() {
        let server = Server::start();
        let url = server.url(&database(&server));
        block_on(async {
            let options = PgOptions::new(&url)
                .unwrap()
                .deadline(Duration::from_secs(1));
            let store = PgStore::open(options).await.unwrap();
            let conversation = begin(&store, 1).await.unwrap()[0];
            server.suspend();
            let given = store.execute(note(conversation, "no answer"));
            let answer = tokio::time::timeout(Duration::from_secs(20), given).await;
            server.resume();
            let error = answer.expect("an answer").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        });
    }
}

#[test]
fn stores_say_what_a_commit_has_reached_and_can_require_it() {
    if is_installed() {
        let server = Server::start_with(&kills::DURABLE);
        let url = server.url(&database(&server));
        let options = || PgOptions::new(&url).unwrap();
        block_on(async {
            let durability = async || {
                PgStore::open(options())
                    .await
                    .unwrap()
                    .durability()
                    .await
                    .unwrap()
            };
            assert_eq!(durability().await, PgDurability::Disk);
            let refused = PgStore::open(options().require_synchronous_standby()).await;
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
            server.psql(
                "postgres",
                "ALTER ROLE convodb SET synchronous_commit = off",
            );
            assert_eq!(durability().await, PgDurability::Memory);
        });
    }
}

#[test]
fn retries_of_one_webhook_at_the_same_time_store_one_message() {
    if is_installed() {
        let url = shared().url(&database(shared()));
        block_on(async {
            let mut stores = Vec::new();
            for _ in 0..4 {
                stores.push(PgStore::open(PgOptions::new(&url).unwrap()).await.unwrap());
            }
            let conversation = begin(&stores[0], 1).await.unwrap()[0];
            let retries = (0..64).map(|number| {
                let store = stores[number % stores.len()].clone();
                let message =
                    Inbound::text(contact(0), CHANNEL, "again").provider_id("wamid.again");
                tokio::spawn(
                    async move { store.execute(ReceiveMessage { message }).await.unwrap() },
                )
            });
            let (mut duplicates, mut ids) = (0, BTreeSet::new());
            for retry in retries.collect::<Vec<_>>() {
                let outcome = retry.await.unwrap();
                duplicates += usize::from(outcome.is_duplicate);
                ids.insert(outcome.value.id);
            }
            assert_eq!((duplicates, ids.len()), (63, 1));
            assert_eq!(
                stores[0]
                    .transcript(conversation)
                    .await
                    .unwrap()
                    .messages
                    .len(),
                2
            );
        });
    }
}

#[test]
fn what_is_given_of_one_conversation_commits_in_that_order_while_others_go_on() {
    const CONVERSATIONS: usize = 48;
    const EACH: usize = 6;
    if is_installed() {
        let url = shared().url(&database(shared()));
        block_on(async {
            let store = PgStore::open(PgOptions::new(&url).unwrap()).await.unwrap();
            let conversations = begin(&store, CONVERSATIONS).await.unwrap();
            let (store, ids) = (&store, &conversations);
            let given = (0..EACH).flat_map(|number| {
                let each = ids.iter().map(move |id| (number, *id));
                each.map(move |(number, id)| async move {
                    match number {
                        // What selects conversations sees all that was given before.
                        3 if id == ids[7] => {
                            let resolve = ResolveAll {
                                selection: Selection::first(&Filter::open(), 1_000).unwrap(),
                            };
                            let resolved = store.execute(resolve).await.unwrap().value;
                            assert_eq!(resolved.len(), CONVERSATIONS);
                        }
                        _ => {
                            let note = note(id, &number.to_string());
                            store.execute(note).await.unwrap();
                        }
                    }
                })
            });
            join_all(given).await;
            for id in &conversations {
                let notes = store.notes(*id).await.unwrap();
                let given = (0..EACH).filter(|number| *number != 3 || *id != conversations[7]);
                let given: Vec<_> = given.map(|number| number.to_string()).collect();
                let notes: Vec<_> = notes.into_iter().map(|note| note.content).collect();
                assert_eq!(notes, given);
            }
        });
    }
}

#[test]
fn what_keeps_a_lost_request_from_committing_goes_after_a_day() {
    if is_installed() {
        let name = database(shared());
        block_on(async {
            let options = PgOptions::new(&shared().url(&name)).unwrap();
            let store = PgStore::open(options.background(false)).await.unwrap();
            let id = begin(&store, 1).await.unwrap()[0];
            for (mark, hours) in [(1_i64 << 50, 25), (1 << 51, 23)] {
                let at = format!("extract(epoch FROM now() - interval '{hours} hours') * 1000000");
                shared().psql(
                    &name,
                    &format!(
                        "INSERT INTO convodb.journal SELECT 1, -{mark}, {mark}, '{{}}', '{{}}', '{{}}', {at}, ''"
                    ),
                );
            }
            store.execute(note(id, "a change")).await.unwrap();
            testing::settle_now(&store).await.unwrap();
            let left = "SELECT version FROM convodb.journal WHERE version >= 1::bigint << 50 \
                        AND version <= 1::bigint << 51 AND seq = -version";
            let left = shared().psql(&name, left);
            assert_eq!(left.trim(), (1_i64 << 51).to_string());
        });
    }
}

/// Lists of every state, at one time.
async fn counts_agree(store: &PgStore, conversations: u64) {
    let snapshot = store.snapshot().await.unwrap();
    let open = snapshot.count(&Filter::open()).await.unwrap();
    let resolved = snapshot.count(&Filter::resolved()).await.unwrap();
    let page = snapshot
        .list(&Filter::all(), PageRequest::number(1, 100).unwrap())
        .await
        .unwrap();
    assert_eq!(
        (open + resolved, page.total),
        (conversations, conversations)
    );
    assert_eq!(page.data.len() as u64, conversations);
    let is_open = |conversation: &&Conversation| conversation.status == Status::Open;
    assert_eq!(page.data.iter().filter(is_open).count() as u64, open);
}

#[test]
fn others_go_on_while_a_transaction_sleeps_over_a_snapshot() {
    if is_installed() {
        let (plan, server) = (moment(2_000), shared());
        let database = database(server);
        let options = || plan.options(&server.url(&database), "main");
        let mut report = report();
        block_on(async {
            let load = Load::start(plan, (0..plan.stores).map(|_| options()).collect()).await;
            let sleeper = tokio::task::spawn_blocking({
                let database = database.clone();
                move || {
                    // As a foreign key holds the rows that it refers to.
                    shared().psql(
                        &database,
                        "BEGIN ISOLATION LEVEL REPEATABLE READ; \
                         SELECT count(*) FROM (SELECT FROM convodb.conversation FOR KEY SHARE) c; \
                         SELECT pg_sleep(2); ROLLBACK",
                    )
                }
            });
            let store = PgStore::open(options()).await.unwrap();
            while !sleeper.is_finished() {
                counts_agree(&store, plan.conversations as u64).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            sleeper.await.unwrap();
            load.end(options(), &mut report).await;
        });
        clean(&report);
        assert!(report.count_tried("acknowledged") > 50, "{report}");
    }
}

#[test]
fn commands_wait_for_a_transaction_that_locks_their_rows_and_lists_do_not() {
    if is_installed() {
        let server = shared();
        let database = database(server);
        block_on(async {
            let store = PgStore::open(PgOptions::new(&server.url(&database)).unwrap())
                .await
                .unwrap();
            let conversation = begin(&store, 3).await.unwrap()[0];
            let locker = tokio::task::spawn_blocking({
                let database = database.clone();
                move || {
                    shared().psql(
                        &database,
                        "BEGIN; SELECT count(*) FROM (SELECT FROM convodb.conversation FOR UPDATE) c; \
                         SELECT pg_sleep(1); ROLLBACK",
                    )
                }
            });
            tokio::time::sleep(Duration::from_millis(200)).await;
            let resolving = tokio::spawn({
                let store = store.clone();
                async move { store.execute(Resolve { conversation }).await }
            });
            while !locker.is_finished() {
                counts_agree(&store, 3).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(resolving.await.unwrap().unwrap().effect.changed);
            counts_agree(&store, 3).await;
        });
    }
}

#[test]
fn lists_are_exact_while_no_one_folds_and_behind_it() {
    if is_installed() {
        let mut plan = moment(1_500);
        plan.conversations = 12;
        let database = database(shared());
        let options = || {
            plan.options(&shared().url(&database), "main")
                .background(false)
        };
        let mut report = report();
        block_on(async {
            let load = Load::start(plan, (0..plan.stores).map(|_| options()).collect()).await;
            let store = PgStore::open(options()).await.unwrap();
            tokio::time::sleep(plan.time).await;
            counts_agree(&store, 12).await;
            assert!(store.stats().await.unwrap().unfolded > 0);
            // Its check begins with a fold.
            load.end(options(), &mut report).await;
            counts_agree(&store, 12).await;
            testing::settle_now(&store).await.unwrap();
            assert_eq!(store.stats().await.unwrap().unfolded, 0);
            counts_agree(&store, 12).await;
            assert!(store.verify().await.unwrap().is_clean());
        });
        clean(&report);
    }
}

/// Stores whose clocks are apart give notes in turn. Answers how often the conversation's time went back.
fn clocks_apart(apart: TimeDelta) -> usize {
    let url = shared().url(&database(shared()));
    block_on(async {
        let begun = "2026-04-16T09:10:00Z".parse::<DateTime<Utc>>().unwrap();
        let mut stores = Vec::new();
        for ahead in [TimeDelta::zero(), apart] {
            let options = PgOptions::new(&url).unwrap().clock(move || begun + ahead);
            stores.push(PgStore::open(options).await.unwrap());
        }
        let conversation = begin(&stores[0], 1).await.unwrap()[0];
        let mut times = vec![begun];
        for number in 0..20 {
            let store = &stores[number % 2];
            let note = note(conversation, &format!("note {number}"));
            store.execute(note).await.unwrap();
            times.push(store.conversation(conversation).await.unwrap().updated_at);
        }
        let events = stores[0].events(EventSeq::ZERO, 100).await.unwrap();
        let sorted = events.is_sorted_by_key(|event| event.at);
        assert_eq!(sorted, times.is_sorted());
        assert_eq!(stores[0].notes(conversation).await.unwrap().len(), 20);
        assert!(stores[0].verify().await.unwrap().is_clean());
        times.windows(2).filter(|pair| pair[1] < pair[0]).count()
    })
}

/// The product has no clock but the database's: only tests give a process one of its own.
#[test]
fn clocks_within_a_minute_of_each_other_set_no_time_back() {
    if is_installed() {
        assert_eq!(clocks_apart(TimeDelta::seconds(50)), 0);
    }
}

/// As with a store in a file: a step back of more than a minute corrects a clock that was wrong.
#[test]
fn clocks_an_hour_apart_correct_each_other_and_what_is_stored_stays_sound() {
    if is_installed() {
        assert_eq!(clocks_apart(TimeDelta::hours(1)), 9);
    }
}

#[test]
fn a_pooler_by_transaction_refuses_named_statements() {
    if is_installed() && bouncer::is_installed() {
        let server = shared();
        let database = database(server);
        let bouncer = Bouncer::start(server, 2);
        block_on(async {
            let mut failures = Vec::new();
            for number in 0..8 {
                let options = PgOptions::new(&bouncer.url(&database)).unwrap();
                let options = options
                    .deadline(Duration::from_secs(2))
                    .workspace(format!("w{number}"));
                match PgStore::open(options).await {
                    Ok(store) => match begin(&store, 3).await {
                        Ok(_) => drop(store.verify().await.map_err(|error| failures.push(error))),
                        Err(error) => failures.push(error),
                    },
                    Err(error) => failures.push(error),
                }
            }
            assert!(!failures.is_empty());
            let names = |error: &Error| error.to_string().contains("unnamed_statements");
            assert!(failures.iter().any(names), "{failures:?}");
        });
    }
}
