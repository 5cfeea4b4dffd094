//! Events, as a client follows them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use convodb::Retention;
use convodb::commands::PurgeEvents;

use crate::server::{Home, KEY, PATIENCE, Server, text_from, until};
use crate::sessions::{CSRF, SESSION, sign_in};

const STREAM: &str = "/v1/events/stream";

/// An event as it came.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    id: u64,
    event: String,
    data: String,
}

/// A stream that was accepted.
struct Stream {
    lines: BufReader<TcpStream>,
    head: String,
}

fn request(server: &Server, head: &str) -> TcpStream {
    let mut client = TcpStream::connect(server.address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(head.as_bytes()).unwrap();
    client
}

fn connect(server: &Server, path: &str, headers: &str) -> TcpStream {
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n{headers}\r\n"
    );
    request(server, &head)
}

impl Stream {
    fn open(server: &Server, path: &str, headers: &str) -> Self {
        Self::accepted(connect(server, path, headers))
    }

    fn accepted(client: TcpStream) -> Self {
        let mut lines = BufReader::new(client);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(lines.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        Self { lines, head }
    }

    /// The next chunk of the body; None is the end.
    fn chunk(&mut self) -> Option<String> {
        let mut size = String::new();
        self.lines.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim_end(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        self.lines.read_exact(&mut chunk).ok()?;
        chunk.truncate(size);
        (size > 0).then(|| String::from_utf8(chunk).unwrap())
    }

    /// The next event; None is the end.
    fn next(&mut self) -> Option<Sent> {
        loop {
            let chunk = self.chunk()?;
            let lines: Vec<_> = chunk.lines().collect();
            let [id, event, data, ""] = lines[..] else {
                assert!(chunk.starts_with(':'), "{chunk:?}");
                continue;
            };
            return Some(Sent {
                id: id.strip_prefix("id: ").unwrap().parse().unwrap(),
                event: event.strip_prefix("event: ").unwrap().to_owned(),
                data: data.strip_prefix("data: ").unwrap().to_owned(),
            });
        }
    }

    fn take(&mut self, number: usize) -> Vec<Sent> {
        (0..number).map(|_| self.next().unwrap()).collect()
    }
}

/// The events of the list, as the stream has them.
fn listed(server: &Server, after: u64) -> Vec<Sent> {
    let page = server.get(&format!("/v1/events?after={after}&limit=1000"));
    page.expect(200);
    let events = page.body.strip_prefix(r#"{"data":["#).unwrap();
    let events = events.strip_suffix("]}").unwrap();
    let mut events = events.split(r#"},{"sequence""#).peekable();
    let mut all = Vec::new();
    while let Some(event) = events.next() {
        let mut data = event.to_owned();
        if !all.is_empty() {
            data.insert_str(0, r#"{"sequence""#);
        }
        if events.peek().is_some() {
            data.push('}');
        }
        let value: serde_json::Value = serde_json::from_str(&data).unwrap();
        all.push(Sent {
            id: value["sequence"].as_u64().unwrap(),
            event: value["type"].as_str().unwrap().to_owned(),
            data,
        });
    }
    all
}

#[test]
fn a_stream_has_what_comes_and_is_resumed_behind_an_event() {
    let home = Home::new();
    let server = home.start();
    server.conversation("con_1");
    let mut new = Stream::open(&server, STREAM, "");
    let mut all = Stream::open(&server, &format!("{STREAM}?after=0"), "");
    assert!(new.head.contains("content-type: text/event-stream\r\n"));
    assert!(new.head.contains("cache-control: no-cache\r\n"));
    assert_eq!(all.take(2), listed(&server, 0));
    server.conversation("con_2");
    assert_eq!(new.take(2), listed(&server, 2));
    assert_eq!(all.take(2), listed(&server, 2));

    // A browser sends both: it is the header that counts.
    let path = format!("{STREAM}?after=0");
    let mut resumed = Stream::open(&server, &path, "Last-Event-ID: 3\r\n");
    assert_eq!(resumed.take(1), listed(&server, 3));
    server.conversation("con_3");
    for stream in [&mut new, &mut all, &mut resumed] {
        assert_eq!(stream.take(2), listed(&server, 4));
    }
}

#[test]
fn a_stream_of_a_conversation_has_no_other_events() {
    let home = Home::new();
    let server = home.start();
    let [one, two] = ["con_1", "con_2"].map(|contact| server.conversation(contact));
    let path = format!("{STREAM}?after=0&conversation_id={one}");
    let mut stream = Stream::open(&server, &path, "");
    assert_eq!(stream.take(2), listed(&server, 0)[..2]);
    for id in [&two, &one] {
        let resolve = format!("/v1/conversations/{id}/resolve");
        server.curl(&resolve, &["--request", "POST"]).expect(200);
    }
    assert_eq!(stream.take(1), listed(&server, 5));
}

#[test]
fn a_stream_of_a_conversation_has_the_merge_of_another_into_it() {
    let home = Home::new();
    let server = home.start();
    let [one, _] = ["con_1", "con_2"].map(|contact| server.conversation(contact));
    let mut stream = Stream::open(&server, &format!("{STREAM}?conversation_id={one}"), "");
    server
        .post(
            "/v1/contacts/merge",
            r#"{"from": "con_2", "into": "con_1"}"#,
        )
        .expect(200);
    let merged = stream.take(1);
    assert!(listed(&server, 4).contains(&merged[0]), "{merged:?}");
    assert_eq!(merged[0].event, "conversation.merged");
}

#[test]
fn a_long_history_is_streamed_without_a_gap_while_more_comes() {
    let home = Home::new();
    let server = home.start();
    let write = |from: usize| {
        for number in from..from + 120 {
            server.conversation(&format!("con_{number}"));
        }
    };
    write(0);
    thread::scope(|scope| {
        let streams: Vec<_> = [0, 1, 100, 200, 239, 240]
            .into_iter()
            .map(|after: u64| {
                let server = &server;
                scope.spawn(move || {
                    let path = format!("{STREAM}?after={after}");
                    let mut stream = Stream::open(server, &path, "");
                    for id in after + 1..=480 {
                        assert_eq!(stream.next().unwrap().id, id);
                    }
                })
            })
            .collect();
        write(120);
        for stream in streams {
            stream.join().unwrap();
        }
    });
}

#[test]
fn a_number_that_cannot_be_resumed_is_refused_as_in_the_list() {
    let home = Home::new();
    let server = home.start();
    for contact in ["con_1", "con_2"] {
        server.conversation(contact);
    }
    let last = |id: &str| server.curl(STREAM, &["--header", &format!("Last-Event-ID: {id}")]);
    last("5").refused(409, "conflict", "after");
    last("x").refused(422, "validation_error", "Last-Event-ID");
    for (query, field) in [
        ("after=-1", "after"),
        ("conversation_id=x", "conversation_id"),
        ("limit=1", "limit"),
    ] {
        let path = format!("{STREAM}?{query}");
        server.get(&path).refused(422, "validation_error", field);
    }
    server
        .curl_as_it_is(STREAM, &[])
        .refused(401, "unauthorized", "key");
    server.stop();
    home.execute([PurgeEvents {
        retention: Retention::newest(1),
        limit: 100,
    }]);
    let server = home.start();
    let path = format!("{STREAM}?after=1");
    server.get(&path).refused(410, "events_purged", "4");
}

#[test]
fn a_stop_ends_streams_at_once() {
    let home = Home::new();
    let server = home.start();
    server.conversation("con_1");
    let mut streams = ["", "?after=0"].map(|query| {
        let path = format!("{STREAM}{query}");
        Stream::open(&server, &path, "")
    });
    streams[1].take(2);
    let ends = streams.map(|mut stream| thread::spawn(move || stream.next()));
    let end = server.end("TERM");
    assert!(end.status.success(), "{}", end.log);
    assert!(end.took < Duration::from_millis(2_000), "{:?}", end.took);
    for end in ends {
        assert_eq!(end.join().unwrap(), None);
    }
}

#[test]
fn streams_take_no_connection_and_no_time_of_requests_and_have_a_bound_of_their_own() {
    let home = Home::new();
    let server = home.start_with(&[
        "--connections",
        "2",
        "--max-streams",
        "3",
        "--queue",
        "1",
        "--request-timeout",
        "0.5",
    ]);
    let mut streams = [(); 3].map(|()| Stream::open(&server, STREAM, ""));
    let refused = server.get(STREAM);
    refused.refused(503, "overloaded", "--max-streams");
    assert_eq!(refused.header("retry-after"), Some("1"));
    thread::sleep(Duration::from_millis(1_000));
    server.conversation("con_1");
    for stream in &mut streams {
        assert_eq!(stream.take(2), listed(&server, 0));
    }
    // A stream whose client is gone leaves its place.
    drop(streams);
    until(|| {
        let mut client = connect(&server, STREAM, "");
        let mut status = [0; 12];
        client.read_exact(&mut status).unwrap();
        status.ends_with(b"200").then_some(())
    });
}

#[test]
fn a_stream_ends_with_its_session() {
    let home = Home::new();
    let server = home.start();
    let cookie = sign_in(&server, "");
    let head = format!("GET {STREAM} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n\r\n");
    let mut stream = Stream::accepted(request(&server, &head));
    server.conversation("con_1");
    assert_eq!(stream.take(2), listed(&server, 0));
    let delete = ["--request", "DELETE", "--header", CSRF, "--header", &cookie];
    assert_eq!(server.curl_as_it_is(SESSION, &delete).status, 204);
    server.conversation("con_2");
    assert_eq!(stream.next(), None);
}

#[test]
fn a_stream_that_had_no_event_yet_is_resumed_where_it_began() {
    let home = Home::new();
    let server = home.start();
    let id = server.conversation("con_1");
    let path = format!("{STREAM}?conversation_id={id}");
    let mut stream = Stream::open(&server, &path, "");
    let heartbeat = stream.chunk().unwrap();
    let began = heartbeat.lines().nth(1).unwrap().strip_prefix("id: ");
    let began = began.unwrap().to_owned();
    drop(stream);
    server.conversation("con_2");
    let body = text_from("con_1", "Meanwhile");
    server.post("/v1/messages/receive", &body).expect(201);
    let resume = format!("Last-Event-ID: {began}\r\n");
    let mut stream = Stream::open(&server, &path, &resume);
    assert_eq!(stream.next().unwrap().event, "message.received");
}

#[test]
fn a_heartbeat_comes_when_nothing_else_does() {
    let home = Home::new();
    let server = home.start();
    server.conversation("con_1");
    let newest = listed(&server, 0).len();
    let started = Instant::now();
    let mut stream = Stream::open(&server, STREAM, "");
    let heartbeat = format!(": \nid: {newest}\n\n");
    assert_eq!(stream.chunk().as_ref(), Some(&heartbeat));
    assert!(started.elapsed().as_secs() < 10);
    assert_eq!(stream.chunk().as_ref(), Some(&heartbeat));
    let took = started.elapsed();
    assert!((14..30).contains(&took.as_secs()), "{took:?}");
}
