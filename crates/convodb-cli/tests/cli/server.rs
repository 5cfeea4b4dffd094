//! The commands on the store of a running server, and beside one.

mod way;
#[cfg(feature = "postgres")]
mod workspace;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;

use serde_json::Value;

use super::{Desk, line, text, until, write};

const KEY: &str = "a-key";

/// The server's program, beside the tool's.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let tool = Path::new(env!("CARGO_BIN_EXE_convodb"));
        let profile = match tool.parent().unwrap().file_name().unwrap().to_str() {
            Some("debug") | None => "dev",
            Some(profile) => profile,
        };
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--locked", "-p", "convodb-server"]);
        build.args(["--profile", profile]);
        assert!(build.status().unwrap().success());
        tool.with_file_name("api-server")
    })
}

/// A server; dropped, it is killed.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(desk: &Desk, arguments: &[&str]) -> Self {
        let (child, line) = Self::try_start(desk, arguments);
        match line.trim_end().strip_prefix("listening on ") {
            Some(url) => Self {
                url: url.to_owned(),
                child,
            },
            None => {
                let output = child.wait_with_output().unwrap();
                panic!("{line:?} {}", text(&output.stderr));
            }
        }
    }

    /// What it prints first.
    fn try_start(desk: &Desk, arguments: &[&str]) -> (Child, String) {
        let mut command = Command::new(program());
        command.current_dir(desk.path("")).args(arguments);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(["--api-key", KEY]).env("RUST_LOG", "off");
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let output: ChildStdout = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        (child, line)
    }

    fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// A command of the tool on this server.
    fn command(&self, desk: &Desk, arguments: &[&str]) -> Command {
        let mut command = desk.command(&["--server", &self.url]);
        command.args(arguments);
        on_server(&mut command);
        command
    }

    fn output(&self, desk: &Desk, arguments: &[&str]) -> Output {
        self.command(desk, arguments).output().unwrap()
    }

    #[track_caller]
    fn ok(&self, desk: &Desk, arguments: &[&str]) -> String {
        let output = self.output(desk, arguments);
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
        assert!(output.status.success(), "{arguments:?}");
        text(&output.stdout)
    }

    fn json(&self, desk: &Desk, arguments: &[&str]) -> Value {
        let printed = self.ok(desk, &[arguments, &["--json"]].concat());
        serde_json::from_str(&printed).unwrap()
    }

    #[track_caller]
    fn failure(&self, desk: &Desk, code: i32, arguments: &[&str]) -> String {
        line(code, self.output(desk, arguments))
    }

    fn stop(mut self) {
        let kill = format!("kill -TERM {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn on_server(command: &mut Command) {
    command.env("CONVODB_API_KEY", KEY);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
}

/// A message of a contact, as a line.
fn message(id: &str, contact: &str) -> String {
    format!(
        r#"{{"message":{{"id":"{id}","contact_id":"{contact}","channel":"webchat","direction":"inbound","type":"text","content":"Hi","sent_at":1709193660}}}}"#
    )
}

/// Without what differs between two files of the same content.
fn without_sizes(mut statistics: Value) -> Value {
    let fields = statistics.as_object_mut().unwrap();
    fields.retain(|name, _| !name.ends_with("_bytes") && !name.ends_with("_rows"));
    statistics
}

#[test]
fn every_command_prints_on_a_server_what_it_prints_on_the_file() {
    let desk = Desk::with(60, "one.redb");
    fs::copy(desk.path("one.redb"), desk.path("copy.redb")).unwrap();
    let served = Served::start(&desk, &["--db", "one.redb"]);
    let id = desk.json(&["list", "copy.redb"])["data"][0]["id"].clone();
    let id = id.as_str().unwrap();
    let contact = desk.json(&["list", "copy.redb"])["data"][0]["contact_id"].clone();
    let contact = contact.as_str().unwrap();
    for (command, rest) in [
        ("list", &[][..]),
        (
            "list",
            &["--status", "all", "--limit", "50", "--sort", "updated_at"],
        ),
        (
            "list",
            &[
                "--channel",
                "whatsapp,webchat",
                "--assigned-to",
                "unassigned",
            ],
        ),
        ("list", &["--unread", "--page", "2", "--limit", "3"]),
        ("show", &[id]),
        ("export", &[]),
        ("export", &["--contact", contact]),
        ("verify", &[]),
        ("events", &[]),
        ("events", &["--after", "17"]),
    ] {
        for json in [&[][..], &["--json"]] {
            let on_file = desk.ok(&[&[command, "copy.redb"], rest, json].concat());
            let on_server = served.ok(&desk, &[&[command], rest, json].concat());
            assert!(!on_file.is_empty(), "{command} {rest:?}");
            assert_eq!(on_server, on_file, "{command} {rest:?} {json:?}");
        }
    }
    assert_eq!(
        without_sizes(served.json(&desk, &["stats"])),
        without_sizes(desk.json(&["stats", "copy.redb"]))
    );
    let printed = served.ok(&desk, &["stats"]);
    assert!(printed.contains("conversations"), "{printed}");
    let compacted = served.json(&desk, &["compact"]);
    assert!(compacted["bytes"].as_u64() > Some(0), "{compacted}");
    // The option may also come behind the command.
    let mut command = desk.command(&["list", "--json", "--server", &served.url]);
    on_server(&mut command);
    let output = command.output().unwrap();
    assert_eq!(
        text(&output.stdout),
        desk.ok(&["list", "copy.redb", "--json"])
    );
}

#[test]
fn a_backup_of_a_server_is_its_store_and_overwrites_no_file() {
    let desk = Desk::with(200, "one.redb");
    let served = Served::start(&desk, &["--db", "one.redb"]);
    let printed = served.json(&desk, &["backup", "copy.redb"]);
    assert_eq!(printed["file"], "copy.redb");
    let size = fs::metadata(desk.path("copy.redb")).unwrap().len();
    assert_eq!(printed["bytes"], size);
    let output = served.output(&desk, &["backup", "-"]);
    assert!(output.status.success());
    fs::write(desk.path("piped.redb"), output.stdout).unwrap();
    let exported = served.ok(&desk, &["export"]);
    for copy in ["copy.redb", "piped.redb"] {
        assert_eq!(desk.ok(&["export", copy]), exported);
        assert!(desk.ok(&["verify", copy]).contains("clean"));
    }
    let message = served.failure(&desk, 3, &["backup", "copy.redb"]);
    assert_eq!(message, "convodb: copy.redb: exists already");
    let message = served.failure(&desk, 3, &["backup", "nowhere/copy.redb"]);
    assert_eq!(
        message,
        "convodb: nowhere/copy.redb: its directory does not exist"
    );
    assert_eq!(desk.names(), ["copy.redb", "one.redb", "piped.redb"]);
}

#[test]
fn lines_are_imported_into_a_server_and_go_on_where_they_ended() {
    let desk = Desk::new();
    let served = Served::start(&desk, &["--db", "one.redb"]);
    // More than one request has, with blank lines between.
    let mut lines: Vec<_> = (0..3_000)
        .map(|number| message(&number.to_string(), &format!("con_{}", number % 7)))
        .collect();
    lines.insert(1_000, String::new());
    lines.insert(2_500, r#"{"message":{"contact_id":"con_1"}}"#.to_owned());
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    write(&desk.path("some.ndjson"), &lines);

    let output = served.output(&desk, &["import", "--lines", "some.ndjson", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let rejected = text(&output.stderr);
    let on_file = desk
        .command(&["import", "--lines", "some.ndjson", "other.redb", "--json"])
        .output()
        .unwrap();
    assert_eq!(rejected, text(&on_file.stderr));
    assert!(rejected.starts_with("some.ndjson:2501: "), "{rejected}");
    assert_eq!(text(&output.stdout), text(&on_file.stdout));
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&done["created"], &done["failed"]),
        (&3_000.into(), &1.into())
    );

    let again = served.json(&desk, &["import", "--lines", "some.ndjson"]);
    assert_eq!(
        again,
        desk.json(&["import", "--lines", "some.ndjson", "other.redb"])
    );
    assert_eq!(again["resumed_behind"], 3_002);
    assert_eq!(again["created"], 0);
    assert_eq!(served.json(&desk, &["stats"])["messages"], 3_000);

    let errors = [
        "import",
        "--lines",
        "--again",
        "--errors",
        "errors",
        "some.ndjson",
    ];
    let output = served.output(&desk, &[&errors[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let error: Value = serde_json::from_slice(&fs::read(desk.path("errors")).unwrap()).unwrap();
    assert_eq!(
        (&error["line"], &error["result"]),
        (&2_501.into(), &"error".into())
    );
    let duplicates = serde_json::from_slice::<Value>(&output.stdout).unwrap()["duplicates"].clone();
    assert_eq!(duplicates, 3_000);
}

#[test]
fn all_of_a_file_is_imported_into_a_server_or_nothing() {
    let desk = Desk::with(40, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    fs::write(desk.path("all.ndjson"), &exported).unwrap();
    let served = Served::start(&desk, &["--db", "two.redb"]);
    let bad = format!("{exported}{{\"user\":{{\"id\":\"usr_\"}}}}\n");
    fs::write(desk.path("bad.ndjson"), bad).unwrap();
    let on_file = desk.failure(3, &["import", "bad.ndjson", "three.redb"]);
    assert_eq!(served.failure(&desk, 3, &["import", "bad.ndjson"]), on_file);
    assert_eq!(served.json(&desk, &["stats"])["conversations"], 0);
    let imported = served.json(&desk, &["import", "all.ndjson"]);
    assert_eq!(imported, desk.json(&["import", "all.ndjson", "three.redb"]));
    assert_eq!(imported["conversations"], 40);
    assert_eq!(served.ok(&desk, &["export"]), exported);
    // A conversation that is there is rejected, by the number of its line.
    let message = served.failure(&desk, 3, &["import", "all.ndjson"]);
    assert_eq!(
        message,
        desk.failure(3, &["import", "all.ndjson", "three.redb"])
    );
    assert!(message.contains("nothing of it was stored"), "{message}");

    let lines: Vec<_> = (0..10_001)
        .map(|number| format!(r#"{{"user":{{"id":"usr_{number}","name":"A"}}}}"#))
        .collect();
    fs::write(desk.path("many.ndjson"), lines.join("\n")).unwrap();
    let message = served.failure(&desk, 2, &["import", "many.ndjson"]);
    assert!(message.contains("10000 lines"), "{message}");
    let atomic = ["import", "--lines", "--atomic", "many.ndjson"];
    let message = served.failure(&desk, 3, &atomic);
    assert!(message.contains("at most 10000"), "{message}");
    let done = served.json(&desk, &["import", "--lines", "many.ndjson"]);
    assert_eq!(done["line"], 10_001);
}

#[test]
fn followed_events_of_a_server_come_also_behind_its_restart() {
    let desk = Desk::new();
    let served = Served::start(&desk, &["--db", "one.redb"]);
    let listen = served.address().to_owned();
    let store = |served: &Served, id: &str| {
        write(
            &desk.path("some.ndjson"),
            &[&message(id, &format!("con_{id}"))],
        );
        served.ok(&desk, &["import", "--lines", "some.ndjson"]);
    };
    store(&served, "1");
    let mut follow = served
        .command(&desk, &["events", "--follow", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(follow.stdout.take().unwrap());
    let mut errors = BufReader::new(follow.stderr.take().unwrap());
    let mut next = 0;
    let mut await_events = |up_to| {
        while next < up_to {
            let mut line = String::new();
            events.read_line(&mut line).unwrap();
            let event: Value = serde_json::from_str(&line).unwrap();
            next += 1;
            assert_eq!(event["sequence"], next);
        }
    };
    let newest = |served: &Served| {
        served.json(&desk, &["stats"])["newest_event"]
            .as_u64()
            .unwrap()
    };
    await_events(newest(&served));
    store(&served, "2");
    await_events(newest(&served));
    served.stop();
    let mut waiting = String::new();
    errors.read_line(&mut waiting).unwrap();
    assert!(
        waiting.contains("waiting: the server cannot be reached"),
        "{waiting}"
    );
    let served = Served::start(&desk, &["--db", "one.redb", "--listen", &listen]);
    store(&served, "3");
    await_events(newest(&served));
    follow.kill().unwrap();
    follow.wait().unwrap();
}

fn purge_events(served: &Served, keep: u64) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--noproxy", "*", "--header"]);
    curl.arg(format!("Authorization: Bearer {KEY}"));
    curl.args(["--header", "Content-Type: application/json"]);
    curl.args([
        "--data",
        &format!(r#"{{"events":{{"keep_newest":{keep}}}}}"#),
    ]);
    curl.arg(format!("{}/v1/admin/purge", served.url));
    assert!(curl.output().unwrap().status.success());
}

#[test]
fn events_begin_with_the_oldest_that_is_kept() {
    let desk = Desk::with(10, "one.redb");
    let served = Served::start(&desk, &["--db", "one.redb"]);
    let all = served.ok(&desk, &["events"]);
    purge_events(&served, 3);
    let kept = served.ok(&desk, &["events"]);
    assert_eq!(kept.lines().count(), 3);
    assert!(all.ends_with(&kept), "{kept}");
    let message = served.failure(&desk, 3, &["events", "--after", "1"]);
    assert!(message.contains("purged"), "{message}");
    let message = served.failure(&desk, 3, &["events", "--after", "999"]);
    assert!(message.contains("newest event"), "{message}");
}

#[test]
fn errors_of_a_server_are_one_line() {
    let desk = Desk::with(2, "one.redb");
    let served = Served::start(&desk, &["--db", "one.redb"]);
    let url = served.url.clone();

    // Which commands run on one is said by name.
    for (command, rest) in [
        ("repair", &[][..]),
        ("recover", &["--save", "log"]),
        ("bench", &[]),
        ("generate", &["--size", "2"]),
        ("demo", &[]),
        ("completions", &["bash"]),
        ("convert", &["chatwoot", "x"]),
    ] {
        let message = served.failure(&desk, 2, &[&[command], rest].concat());
        let expected = format!("convodb: {command} does not run on a server: ");
        assert!(message.starts_with(&expected), "{message}");
    }
    let message = served.failure(&desk, 2, &["list", "one.redb"]);
    assert_eq!(message, "convodb: one.redb: there is no DB beside --server");
    let message = served.failure(&desk, 2, &["list", "--workspace", "w"]);
    assert!(message.contains("--workspace"), "{message}");
    let message = desk.failure(2, &["list"]);
    assert!(message.contains("DB is missing"), "{message}");
    let missing = "conv_01HABC00000000000000000000";
    let message = served.failure(&desk, 3, &["show", missing]);
    let expected = format!("convodb: {url}: there is no conversation `{missing}`");
    assert_eq!(message, expected);

    // The key.
    let with_key = |key: Option<&str>| {
        let mut command = served.command(&desk, &["list"]);
        match key {
            Some(key) => command.env("CONVODB_API_KEY", key),
            None => command.env_remove("CONVODB_API_KEY"),
        };
        command.output().unwrap()
    };
    let message = line(3, with_key(Some("wrong")));
    let expected = format!("convodb: {url}: the server refuses the key of CONVODB_API_KEY");
    assert_eq!(message, expected);
    for none in [None, Some("")] {
        let message = line(2, with_key(none));
        assert!(message.contains("CONVODB_API_KEY"), "{message}");
    }

    // The URL.
    let at = |url: &str, arguments: &[&str]| {
        let mut command = desk.command(&["--server", url]);
        on_server(&mut command);
        command.args(arguments).output().unwrap()
    };
    for bad in [
        "127.0.0.1:8080",
        "ftp://x",
        "http://a:secret@x",
        "http://x/?a=b",
        "",
    ] {
        let message = line(2, at(bad, &["list"]));
        assert!(message.starts_with("convodb: --server: must "), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }

    // No server.
    served.stop();
    for command in [
        &["list"][..],
        &["show", missing],
        &["stats"],
        &["export"],
        &["verify"],
        &["compact"],
        &["backup", "copy.redb"],
        &["backup", "-"],
        &["events"],
        &["events", "--follow"],
    ] {
        let message = line(3, at(&url, command));
        let expected = format!("convodb: {url}: the server cannot be reached: ");
        assert!(message.starts_with(&expected), "{command:?}: {message}");
    }
    assert_eq!(desk.names(), ["one.redb"]);

    // Another server.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap_or(0);
            let answer: &[u8] = match head[..read].starts_with(b"GET /v1/admin/") {
                // One that is cut in its body.
                true => b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nconvo\r\n",
                false => b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello",
            };
            let _ = stream.write_all(answer);
        }
    });
    let message = line(3, at(&url, &["list"]));
    assert!(
        message.contains("not that of a convodb server"),
        "{message}"
    );
    let message = line(3, at(&url, &["backup", "copy.redb"]));
    assert!(message.contains("the answer was cut"), "{message}");
    let output = at(&url, &["backup", "-"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("the answer was cut"));
    assert_eq!(desk.names(), ["one.redb"]);
}

#[test]
fn a_command_waits_for_a_server_that_is_not_there_yet() {
    let desk = Desk::with(2, "one.redb");
    let served = Served::start(&desk, &["--db", "one.redb"]);
    let (url, listen) = (served.url.clone(), served.address().to_owned());
    served.stop();
    let mut command = desk.command(&["--server", &url, "--wait", "60", "stats"]);
    on_server(&mut command);
    let waits = command.stdout(Stdio::piped()).spawn().unwrap();
    let _served = Served::start(&desk, &["--db", "one.redb", "--listen", &listen]);
    let output = waits.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("conversations"));
}

#[test]
fn a_follower_of_a_file_keeps_no_server_from_starting() {
    let desk = Desk::with(200, "one.redb");
    let mut follow = desk
        .command(&["events", "one.redb", "--follow", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (sender, events) = std::sync::mpsc::channel();
    let output = BufReader::new(follow.stdout.take().unwrap());
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let event: Value = serde_json::from_str(&line).unwrap();
            if sender.send(event["sequence"].as_u64().unwrap()).is_err() {
                return;
            }
        }
    });
    let mut newest = 0;
    for number in 0..6 {
        let served = Served::start(&desk, &["--db", "one.redb"]);
        let id = number.to_string();
        write(
            &desk.path("some.ndjson"),
            &[&message(&id, &format!("con_{id}"))],
        );
        served.ok(&desk, &["import", "--lines", "some.ndjson"]);
        newest = served.json(&desk, &["stats"])["newest_event"]
            .as_u64()
            .unwrap();
        served.stop();
    }
    let mut last = 0;
    until("the last event comes", || {
        last = events.try_iter().last().unwrap_or(last);
        last == newest
    });
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn a_follower_whose_reader_stands_still_keeps_no_server_from_starting() {
    let desk = Desk::with(4_000, "one.redb");
    // Its output is larger than the buffer of a pipe.
    let mut follow = desk
        .command(&["events", "one.redb", "--follow", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    follow
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    Served::start(&desk, &["--db", "one.redb"]).stop();
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn a_key_without_the_scope_is_refused_by_name() {
    let desk = Desk::with(2, "one.redb");
    let mut hash = Command::new(program())
        .arg("hash-key")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    hash.stdin
        .take()
        .unwrap()
        .write_all(b"reader-key\n")
        .unwrap();
    let digest = text(&hash.wait_with_output().unwrap().stdout);
    let keys = format!("[[keys]]\nname = \"reader\"\nscopes = [\"read\"]\n{digest}");
    fs::write(desk.path("keys.toml"), keys).unwrap();
    let served = Served::start(&desk, &["--db", "one.redb", "--keys", "keys.toml"]);
    let by_reader = |arguments: &[&str]| {
        let mut command = served.command(&desk, arguments);
        command.env("CONVODB_API_KEY", "reader-key");
        command.output().unwrap()
    };
    for command in [
        &["stats"][..],
        &["export"],
        &["verify"],
        &["compact"],
        &["backup", "copy.redb"],
        &["import", "--lines", "--again", "keys.toml"],
    ] {
        let message = line(3, by_reader(command));
        let expected = format!(
            "convodb: {}: the key of CONVODB_API_KEY may not do this: ",
            served.url
        );
        assert!(message.starts_with(&expected), "{message}");
        assert!(message.contains("`admin`"), "{message}");
    }
    for command in [&["list"][..], &["events"]] {
        assert!(by_reader(command).status.success(), "{command:?}");
    }
    purge_events(&served, 1);
    let kept = text(&by_reader(&["events"]).stdout);
    assert_eq!(kept.lines().count(), 1);
}
