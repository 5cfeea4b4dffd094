//! A primary that is lost under load, and its standby that is promoted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use convodb_core::commands::{
    Acknowledge, AddConsumer, AddNote, Assign, ConsumerStart, SaveAssignee,
};
use convodb_core::{AssigneeId, ConsumerName, ErrorKind};
use convodb_postgres::{PgOptions, PgRead, PgStore};

use super::check::check;
use super::kills::DURABLE;
use super::load::{Load, Plan, block_on, database, report};
use super::writer::begin;
use crate::harness::report::{Breach, Report};
use crate::postgres::Server;

/// A primary and its standby, and a string that leads to the one that takes writes.
pub struct Pair {
    pub primary: Server,
    pub standby: Server,
    pub url: String,
}

impl Pair {
    pub fn start(is_synchronous: bool) -> Self {
        let primary = Server::start_with(&DURABLE);
        let database = database(&primary);
        let standby = primary.start_standby(&DURABLE);
        let url = format!(
            "host={},{} user=convodb dbname={database} target_session_attrs=read-write",
            primary.dir().display(),
            standby.dir().display()
        );
        if is_synchronous {
            primary.psql(
                "postgres",
                "ALTER SYSTEM SET synchronous_standby_names = '*'",
            );
            primary.psql("postgres", "SELECT pg_reload_conf()");
        }
        let pair = Self {
            primary,
            standby,
            url,
        };
        pair.await_state(if is_synchronous { "sync" } else { "async" });
        pair
    }

    /// Waits until the standby follows as it is to.
    fn await_state(&self, state: &str) {
        let begun = Instant::now();
        let sql =
            "SELECT string_agg(sync_state, '') FROM pg_stat_replication WHERE state = 'streaming'";
        while self.primary.psql("postgres", sql) != state {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "the standby does not follow"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Loses the primary under load, and promotes its standby, which is synchronous: nothing is lost.
pub fn failover(plan: Plan) -> Report {
    let mut report = report();
    let mut pair = Pair::start(true);
    let options = || {
        plan.options(&pair.url, "main")
            .require_synchronous_standby()
    };
    let load = block_on(Load::start(
        plan,
        (0..plan.stores).map(|_| options()).collect(),
    ));
    std::thread::sleep(plan.time);
    pair.primary.kill();
    pair.standby.promote();
    report.tried("failovers", 1);
    std::thread::sleep(plan.time / 2);
    block_on(load.end(plan.options(&pair.url, "main"), &mut report));
    report
}

/// Stops the standby from receiving, lets the writers go on, and promotes it: what was acknowledged meanwhile is
/// lost, as the store reports that it can be. Answers what the checker finds before and behind.
pub fn lossy_failover(plan: Plan) -> (Report, Report) {
    let (mut report, mut lossy) = (report(), report());
    let mut pair = Pair::start(false);
    let options = || plan.options(&pair.url, "main");
    block_on(async {
        let load = Load::start(plan, (0..plan.stores).map(|_| options()).collect()).await;
        let store = PgStore::open(options()).await.unwrap();
        let consumer = ConsumerName::new("bot").unwrap();
        let added = AddConsumer {
            name: consumer.clone(),
            start: ConsumerStart::Oldest,
        };
        store.execute(added).await.unwrap();
        tokio::time::sleep(plan.time / 2).await;
        // What the standby has received it keeps.
        pair.standby
            .psql("postgres", "ALTER SYSTEM SET primary_conninfo = ''");
        pair.standby.psql("postgres", "SELECT pg_reload_conf()");
        tokio::time::sleep(plan.time / 2).await;
        let (ids, history) = (Arc::clone(&load.ids), Arc::clone(&load.history));
        load.end(options(), &mut report).await;
        let before = store.stats().await.unwrap().newest_event;
        pair.primary.kill();
        pair.standby.promote();
        let error = store.events(before, 10).await.unwrap_err();
        assert_eq!(error.field(), Some("after"), "{error}");
        let acknowledge = Acknowledge {
            consumer,
            up_to: before,
        };
        let error = store.execute(acknowledge).await.unwrap_err();
        assert_eq!(error.field(), Some("up_to"), "{error}");
        check(&store, &ids, &history, &mut lossy).await;
    });
    (report, lossy)
}

/// A command whose connection ends while it waits for a standby that is away is not acknowledged before the
/// standby has it.
pub fn unreplicated(report: &mut Report) {
    let pair = Pair::start(true);
    block_on(async {
        let options = PgOptions::new(&pair.url)
            .unwrap()
            .deadline(Duration::from_secs(2));
        let store = PgStore::open(options).await.unwrap();
        let ids = begin(&store, 1).await.unwrap();
        pair.standby.suspend();
        let note = AddNote {
            conversation: ids[0],
            content: "waits".to_owned(),
        };
        let giving = tokio::spawn({
            let (store, note) = (store.clone(), note.clone());
            async move { store.execute(note).await }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        report.tried(
            "ended waits",
            pair.primary.psql("postgres", sql).parse().unwrap_or(0),
        );
        match tokio::time::timeout(Duration::from_secs(20), giving).await {
            Ok(Ok(Ok(_))) => {
                report.found(Breach::Overclaimed, || "no standby has the note".to_owned())
            }
            Ok(Ok(Err(error))) if error.kind() == ErrorKind::CommitUnknown => {}
            Ok(other) => report.found(Breach::Failed, || format!("{other:?}")),
            Err(_) => report.found(Breach::Hung, || "the note has no answer".to_owned()),
        }
        pair.standby.resume();
        let store = PgStore::open(PgOptions::new(&pair.url).unwrap())
            .await
            .unwrap();
        let notes = store.notes(ids[0]).await.unwrap();
        report.tried("notes", notes.len() as u64);
    });
}

/// A failover that loses changes of the directory: a store that knows them goes on with what there is.
pub fn lost_directory(report: &mut Report) {
    let mut pair = Pair::start(false);
    block_on(async {
        let options = || {
            PgOptions::new(&pair.url)
                .unwrap()
                .deadline(Duration::from_secs(5))
        };
        let store = PgStore::open(options()).await.unwrap();
        let other = PgStore::open(options()).await.unwrap();
        let conversation = begin(&store, 1).await.unwrap()[0];
        pair.standby
            .psql("postgres", "ALTER SYSTEM SET primary_conninfo = ''");
        pair.standby.psql("postgres", "SELECT pg_reload_conf()");
        std::thread::sleep(Duration::from_millis(300));
        for number in 0..2 {
            let (assignee, name) = (
                AssigneeId::new("usr_lost").unwrap(),
                format!("Lost {number}"),
            );
            store
                .execute(SaveAssignee { assignee, name })
                .await
                .unwrap();
        }
        pair.primary.kill();
        pair.standby.promote();
        let assignee = Some(AssigneeId::new("usr_lost").unwrap());
        match store
            .execute(Assign {
                conversation,
                assignee,
            })
            .await
        {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            given => report.found(Breach::Wrong, || {
                format!("assigned to a user that was lost: {given:?}")
            }),
        }
        // As many changes come, but others.
        for number in 0..2 {
            let (assignee, name) = (
                AssigneeId::new("usr_kept").unwrap(),
                format!("Kept {number}"),
            );
            if let Err(error) = other.execute(SaveAssignee { assignee, name }).await {
                report.found(Breach::Failed, || format!("another store: {error}"));
            }
        }
        let assignee = Some(AssigneeId::new("usr_kept").unwrap());
        if let Err(error) = store
            .execute(Assign {
                conversation,
                assignee,
            })
            .await
        {
            report.found(Breach::Failed, || {
                format!("the store does not go on: {error}")
            });
        }
        match store.verify().await {
            Ok(verified) if verified.is_clean() => {}
            verified => report.found(Breach::Torn, || format!("{verified:?}")),
        }
    });
}
