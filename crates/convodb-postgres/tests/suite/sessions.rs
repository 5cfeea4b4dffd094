//! What a process does with its connections: the order of its commands, and futures that are dropped in the middle.

use std::future::Future;
use std::pin::pin;
use std::task::{Context as Task, Waker};
use std::time::{Duration, Instant};

use convodb::commands::{ReceiveMessage, SaveInbox};
use convodb::*;
use convodb_postgres::{PgRead, PgStore};
use convodb_testkit::postgres::is_installed;

use crate::backend::{block_on, options};

#[test]
fn commands_commit_in_the_order_in_which_they_were_given_whatever_runs_alone() {
    if !is_installed() {
        return;
    }
    let options = options();
    block_on(async {
        let store = PgStore::open(options).await.unwrap();
        let mut given = Vec::new();
        for number in 0..20 {
            let inbox = InboxId::new(&format!("inb_{number}")).unwrap();
            let saved = store.submit(SaveInbox {
                inbox: inbox.clone(),
                channel: Channel::Webchat,
                name: "Sales".to_owned(),
            });
            let contact = ContactId::new("con_1").unwrap();
            let message = Inbound::text(&contact, inbox, "Hello");
            given.push((saved, store.submit(ReceiveMessage { message })));
        }
        let mut last = CommitSeq::ZERO;
        for (saved, received) in given {
            let saved = saved.await.unwrap().commit.unwrap();
            let received = received.await.unwrap().commit.unwrap();
            assert!(last <= saved && saved <= received);
            last = received;
        }
        assert_eq!(store.count(&Filter::open()).await.unwrap(), 20);
    });
}

#[test]
fn what_commits_added_is_folded_once_no_more_come() {
    if !is_installed() {
        return;
    }
    let options = options();
    block_on(async {
        let store = PgStore::open(options).await.unwrap();
        let contact = ContactId::new("con_1").unwrap();
        let message = Inbound::text(contact, Channel::Webchat, "Hello");
        store.execute(ReceiveMessage { message }).await.unwrap();
        let begun = Instant::now();
        while store.stats().await.unwrap().unfolded > 0 {
            assert!(begun.elapsed() < Duration::from_secs(60));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(store.count(&Filter::open()).await.unwrap(), 1);
    });
}

#[test]
fn a_future_that_is_dropped_in_the_middle_leaves_no_transaction_to_the_next_holder_of_its_connection()
 {
    if !is_installed() {
        return;
    }
    let options = options().connections(2).background(false);
    block_on(async {
        let store = PgStore::open(options).await.unwrap();
        let contact = ContactId::new("con_1").unwrap();
        let mut task = Task::from_waker(Waker::noop());
        for number in 1..=20 {
            for polls in 1..=4 {
                let mut taken = pin!(store.snapshot());
                for _ in 0..polls {
                    if taken.as_mut().poll(&mut task).is_ready() {
                        break;
                    }
                    tokio::time::sleep(std::time::Duration::from_micros(300)).await;
                }
            }
            let message = Inbound::text(&contact, Channel::Webchat, "Hello");
            store.execute(ReceiveMessage { message }).await.unwrap();
            let known = store
                .find_conversation(&contact, &Channel::Webchat.into())
                .await;
            assert_eq!(known.unwrap().unwrap().inbound_count, number);
        }
    });
}

#[test]
fn snapshots_are_one_state_and_their_connections_are_used_again() {
    if !is_installed() {
        return;
    }
    let options = options().connections(2).background(false);
    block_on(async {
        let store = PgStore::open(options).await.unwrap();
        for number in 1..=30 {
            let snapshot = store.snapshot().await.unwrap();
            let contact = ContactId::new(&format!("con_{number}")).unwrap();
            let message = Inbound::text(&contact, Channel::Webchat, "Hello");
            store.execute(ReceiveMessage { message }).await.unwrap();
            assert_eq!(snapshot.count(&Filter::all()).await.unwrap(), number - 1);
            assert_eq!(store.count(&Filter::all()).await.unwrap(), number);
        }
    });
}
