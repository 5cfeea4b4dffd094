//! Webhooks: a receiver on loopback that fails now and then, and a server that is killed in the
//! middle.

mod receiver;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use convodb::Retention;
use convodb::commands::PurgeEvents;
use serde_json::Value;

use crate::server::{Home, KEY, Server, until};
use receiver::{Receiver, Reply, SECRET};

fn start(home: &Home, receiver: &Receiver) -> Server {
    home.start_with(&["--webhook", receiver.url(), "--webhook-secret", SECRET])
}

/// The sequences of the events that a receiver took, in the order in which it did.
fn taken(receiver: &Receiver) -> Vec<u64> {
    let taken = receiver.taken();
    taken
        .iter()
        .map(|event| event["sequence"].as_u64().unwrap())
        .collect()
}

#[test]
fn each_event_comes_at_least_once_and_in_order_from_a_server_that_is_killed_again_and_again() {
    const MESSAGES: usize = 30;
    const EVENTS: u64 = MESSAGES as u64 + 1;
    /// The requests that are neither answered nor forgotten before the server is killed: the second
    /// is taken, the others are not.
    const KILLED_AT: [usize; 3] = [8, 20, 32];
    let home = Home::new();
    let receiver = Receiver::start(|number| match number {
        8 | 32 => Reply::Hang,
        20 => Reply::TakeAndHang,
        // Of the others some are refused, some are taken without an answer, and some not even read.
        _ => match number % 7 {
            2 => Reply::Refuse,
            4 => Reply::TakeAndBreakOff,
            5 => Reply::BreakOff,
            _ => Reply::Take,
        },
    });
    let mut server = start(&home, &receiver);
    for _ in 0..MESSAGES {
        server.conversation("con_1");
    }
    for number in KILLED_AT {
        until(|| (receiver.requests() > number).then_some(()));
        server.end("KILL");
        server = start(&home, &receiver);
    }
    until(|| taken(&receiver).contains(&EVENTS).then_some(()));

    let taken = taken(&receiver);
    let mut last = 0;
    for sequence in &taken {
        // The next one, or that which was not known to be taken.
        assert!(*sequence == last + 1 || *sequence == last, "{taken:?}");
        last = *sequence;
    }
    let distinct: BTreeSet<u64> = taken.iter().copied().collect();
    assert_eq!(distinct, (1..=EVENTS).collect());
    assert!(
        taken.len() > distinct.len(),
        "none was repeated, so no answer was lost"
    );

    // The events that were posted are those that are listed.
    let read = server.get("/v1/events").expect(200);
    let mut posted = receiver.taken();
    posted.dedup();
    assert_eq!(&Value::Array(posted), &read["data"]);
    server.stop();
}

#[test]
fn what_happened_while_no_server_ran_its_webhook_is_told_later() {
    let home = Home::new();
    let server = home.start();
    server.conversation("con_1");
    server.stop();
    let receiver = Receiver::start(|_| Reply::Take);
    let server = start(&home, &receiver);
    until(|| (taken(&receiver) == [1, 2]).then_some(()));
    server.conversation("con_1");
    until(|| (taken(&receiver) == [1, 2, 3]).then_some(()));
    // What was acknowledged does not come again.
    server.stop();
    let server = start(&home, &receiver);
    server.conversation("con_1");
    until(|| (taken(&receiver) == [1, 2, 3, 4]).then_some(()));
}

#[test]
fn events_that_were_purged_by_force_are_reported_in_the_log_and_the_next_one_is_posted() {
    let home = Home::new();
    let receiver = Receiver::start(|_| Reply::Take);
    let server = start(&home, &receiver);
    server.conversation("con_1");
    until(|| (taken(&receiver) == [1, 2]).then_some(()));
    server.stop();
    let server = home.start();
    server.conversation("con_1");
    server.conversation("con_1");
    server.stop();
    home.execute([PurgeEvents {
        retention: Retention::newest(1).force(),
        limit: 100,
    }]);

    let server = start(&home, &receiver);
    server.await_log("events are lost to webhook webhooks");
    until(|| (taken(&receiver) == [1, 2, 4]).then_some(()));
    server.conversation("con_1");
    until(|| (taken(&receiver) == [1, 2, 4, 5]).then_some(()));
    server.stop();
}

#[test]
fn a_receiver_that_never_answers_does_not_keep_the_server_from_ending() {
    let home = Home::new();
    let receiver = Receiver::start(|_| Reply::Hang);
    let server = start(&home, &receiver);
    server.conversation("con_1");
    until(|| (receiver.requests() > 0).then_some(()));
    let end = server.end("TERM");
    assert_eq!(end.status.code(), Some(0), "{}", end.log);
    assert!(end.took < Duration::from_secs(5), "{:?}", end.took);
}

#[test]
fn a_receiver_that_is_not_there_is_told_of_in_the_log_and_the_api_goes_on() {
    let home = Home::new();
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", unused.local_addr().unwrap());
    drop(unused);
    let server = home.start_with(&["--webhook", &url, "--webhook-secret", SECRET]);
    server.conversation("con_1");
    server.await_log("event 1 was not accepted");
    server.conversation("con_2");
    let end = server.end("INT");
    assert_eq!(end.status.code(), Some(0), "{}", end.log);
}

#[test]
fn a_webhook_without_a_secret_is_signed_with_one_that_is_made_and_logged() {
    let receiver = Receiver::start(|_| Reply::Refuse);
    let home = Home::new();
    let server = home.start_with(&["--webhook", receiver.url()]);
    server.await_log("webhooks are signed with ");
    server.conversation("con_1");
    until(|| (receiver.requests() > 0).then_some(()));
    server.stop();
}

#[test]
fn a_receiver_gets_the_events_of_its_types_and_one_that_fails_delays_no_other() {
    let home = Home::new();
    let (failing, taking) = (
        Receiver::start(|_| Reply::Refuse),
        Receiver::start(|_| Reply::Take),
    );
    let options = home.dir().join("options.toml");
    let webhook = |name: &str, receiver: &Receiver, more: &str| {
        let url = receiver.url();
        format!("[[webhooks]]\nname = \"{name}\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n{more}\n")
    };
    let resolved = "events = [\"conversation.resolved\", \"contact.merged\"]";
    let both = webhook("failing", &failing, "") + &webhook("taking", &taking, resolved);
    std::fs::write(&options, both).unwrap();
    let server = home.start_with(&["--config", options.to_str().unwrap()]);
    let id = server.conversation("con_1");
    server
        .post(&format!("/v1/conversations/{id}/resolve"), "")
        .expect(200);
    until(|| (taking.taken().len() == 1).then_some(()));
    assert_eq!(taking.taken()[0]["type"], "conversation.resolved");
    until(|| (failing.requests() > 1).then_some(()));
    let shown = until(|| {
        let shown = server.get("/v1/webhooks").expect(200);
        (shown["data"][1]["behind"] == 0).then_some(shown)
    });
    assert_eq!(shown["data"][0]["name"], "failing");
    assert_eq!(shown["data"][0]["position"], 0);
    assert_eq!(shown["data"][1]["events"][0], "conversation.resolved");
    server.stop();
}

#[test]
fn what_a_receiver_does_not_take_in_time_is_a_dead_letter_that_is_replayed_or_dropped() {
    let home = Home::new();
    let takes = Arc::new(AtomicBool::new(false));
    let of_receiver = Arc::clone(&takes);
    let receiver = Receiver::start(move |_| match of_receiver.load(Ordering::SeqCst) {
        true => Reply::Take,
        false => Reply::Refuse,
    });
    let arguments = ["--webhook", receiver.url(), "--webhook-secret", SECRET];
    let soon = ["--webhook-give-up", "0.000001"];
    let server = home.start_with(&[&arguments[..], &soon].concat());
    server.conversation("con_1");
    let letters = |server: &Server| {
        let webhooks = server.get("/v1/webhooks").expect(200);
        webhooks["data"][0]["dead_letters"].clone()
    };
    until(|| (letters(&server) == serde_json::json!([1, 2])).then_some(()));
    // They are there after a restart too, and their events are not purged.
    server.end("KILL");
    let server = home.start_with(&[&arguments[..], &soon].concat());
    assert_eq!(letters(&server), serde_json::json!([1, 2]));
    let path = |sequence: &str| format!("/v1/webhooks/webhooks/dead_letters/{sequence}");
    let replay = |sequence: &str| server.post(&(path(sequence) + "/replay"), "");
    let refused = replay("1").expect(502);
    assert_eq!(refused["error"]["code"], "not_accepted");
    takes.store(true, Ordering::SeqCst);
    // Of several at once, one posts it.
    let mut statuses = std::thread::scope(|scope| {
        let replays = [(); 4].map(|()| scope.spawn(|| replay("1").status));
        replays.map(|replay| replay.join().unwrap())
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 404, 404, 404]);
    assert_eq!(receiver.taken().len(), 1);
    assert_eq!(receiver.taken()[0]["sequence"], 1);
    assert_eq!(letters(&server), serde_json::json!([2]));
    for unknown in ["1", "3", "x", "-1", "+2", "02"] {
        replay(unknown).expect(404);
    }
    assert_eq!(server.delete(&path("2")).status, 204);
    server.delete(&path("2")).expect(404);
    assert_eq!(letters(&server), serde_json::json!([]));
    // What comes then is posted as ever.
    server.conversation("con_2");
    until(|| taken(&receiver).contains(&4).then_some(()));
    server.stop();
}

#[test]
fn a_replay_whose_client_leaves_goes_on_and_posts_once() {
    let home = Home::new();
    let takes = Arc::new(AtomicBool::new(false));
    let of_receiver = Arc::clone(&takes);
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let receiver = Receiver::start(move |_| {
        if !of_receiver.load(Ordering::SeqCst) {
            return Reply::Refuse;
        }
        released.lock().unwrap().recv().unwrap();
        Reply::Take
    });
    let arguments = ["--webhook", receiver.url(), "--webhook-secret", SECRET];
    let soon = ["--webhook-give-up", "0.000001"];
    let server = home.start_with(&[&arguments[..], &soon].concat());
    server.conversation("con_1");
    let left = || server.get("/v1/webhooks").expect(200)["data"][0].clone();
    until(|| (left()["behind"] == 0).then_some(()));
    assert_eq!(left()["dead_letters"], serde_json::json!([1, 2]));
    takes.store(true, Ordering::SeqCst);
    let before = receiver.requests();
    let mut client = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /v1/webhooks/webhooks/dead_letters/1/replay HTTP/1.1\r\nHost: x\r\n\
         Authorization: Bearer {KEY}\r\nContent-Length: 0\r\n\r\n"
    );
    client.write_all(head.as_bytes()).unwrap();
    until(|| (receiver.requests() == before + 1).then_some(()));
    drop(client);
    release.send(()).unwrap();
    until(|| (left()["dead_letters"] == serde_json::json!([2])).then_some(()));
    assert_eq!(taken(&receiver), [1]);
    assert_eq!(receiver.requests(), before + 1);
    server.stop();
}

#[test]
fn a_receiver_that_is_not_configured_any_longer_is_listed_until_it_is_removed() {
    let home = Home::new();
    let receiver = Receiver::start(|_| Reply::Refuse);
    let options = home.dir().join("options.toml");
    let webhook = format!(
        "[[webhooks]]\nname = \"old\"\nurl = \"{}\"\nsecret = \"{SECRET}\"\ngive_up_days = 0.000001\n",
        receiver.url()
    );
    std::fs::write(&options, webhook).unwrap();
    let server = home.start_with(&["--config", options.to_str().unwrap()]);
    server.conversation("con_1");
    let shown = |server: &Server| server.get("/v1/webhooks").expect(200)["data"].clone();
    let all = serde_json::json!([1, 2]);
    until(|| (shown(&server)[0]["dead_letters"] == all).then_some(()));
    assert_eq!(shown(&server)[0]["configured"], true);
    let refused = server.delete("/v1/webhooks/old").expect(409);
    assert_eq!(
        refused["error"]["message"],
        "the server posts to the webhook `old`: take it out of the configuration first"
    );
    server.end("KILL");

    let server = home.start();
    let purge = || server.post("/v1/admin/purge", r#"{"events":{"keep_newest":0}}"#);
    purge().expect(200);
    let metrics = server.get("/metrics").body;
    assert!(
        metrics.contains("convodb_dead_letters{receiver=\"old\"} 2"),
        "{metrics}"
    );
    assert!(!metrics.contains("dead_letter."), "{metrics}");
    let left = shown(&server);
    assert_eq!(left[0]["name"], "old");
    assert_eq!(left[0]["configured"], false);
    assert_eq!(left[0]["dead_letters"], all);
    // Its dead letters keep their events.
    server.get("/v1/events?after=0").expect(200);
    server.delete("/v1/webhooks/ol").expect(404);
    assert_eq!(server.delete("/v1/webhooks/old").status, 204);
    server.delete("/v1/webhooks/old").expect(404);
    assert_eq!(shown(&server), serde_json::json!([]));
    purge().expect(200);
    server.get("/v1/events?after=0").expect(410);
    server.stop();
}

#[test]
fn what_is_posted_is_described() {
    let home = Home::new();
    let server = home.start();
    let description = server.get("/v1/openapi.json").expect(200);
    let posted = &description["webhooks"]["event"]["post"];
    assert_eq!(posted["operationId"], "receive_event");
    let schema = &posted["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let name = schema.as_str().unwrap().rsplit('/').next().unwrap();
    assert!(description["components"]["schemas"][name].is_object());
    server.stop();
}
