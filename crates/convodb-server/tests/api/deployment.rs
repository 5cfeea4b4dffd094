//! What the server is deployed with: a file of options, metrics, logs, and a proxy in front of it.

use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::server::{Answer, Home, KEY, Server, text_from, until};

/// A server whose options are in a file.
fn configured(home: &Home, options: &str, arguments: &[&str]) -> Command {
    let file = home.dir().join("api-server.toml");
    fs::write(&file, options).unwrap();
    let mut all = vec!["--config", file.to_str().unwrap()];
    all.extend(arguments);
    home.command(&all)
}

#[test]
fn options_come_from_a_file_and_the_command_line_wins() {
    let home = Home::new();
    let options =
        format!("listen = \"127.0.0.1:1\"\napi-key = [\"{KEY}\", \"another\"]\nbody-limit = 100\n");
    let server = Server::start(configured(&home, &options, &["--listen", "127.0.0.1:0"]));
    server.get("/v1/conversations").expect(200);
    let large = text_from("con_1", &"x".repeat(100));
    server.post("/v1/messages/receive", &large).expect(413);
    server.stop();
}

#[test]
fn what_is_wrong_in_the_file_is_one_line_with_its_place_and_without_secrets() {
    let home = Home::new();
    for (options, said) in [
        ("listen = [[\"secret\"]]\n", "`listen` must be a text"),
        ("listen = \"secret\n", "line 1"),
        (
            "rate-limit = 7\n[[webhooks]]\nname = \"secret\"\nurl = 7\n",
            "expected a string",
        ),
        (
            "[[webhooks]]\nname = \"a\"\nurl = \"http://localhost/\"\nsecret = \"secret\"\nevents = [\"mesage.received\"]\n",
            "`mesage.received` is no type of events",
        ),
        ("webhook-events = [\"message.*\"]\n", "--webhook"),
        ("request-timeout = 1e19\n", "a hundred years"),
        ("\"config=x\" = true\n", "`config=x` is no option"),
        ("config = \"x\"\n", "`config` is no option of a file"),
        (
            "rate_limit = 7\n",
            "`rate_limit` is no option: it is written `rate-limit`",
        ),
        (
            "no-such-option = \"x\"\n",
            "`no-such-option` is no option of a file",
        ),
        ("rate-limit = 0\n", "--rate-limit"),
        (
            "[[webhooks]]\nname = \"a b\"\nurl = \"http://localhost/\"\nsecret = \"secret\"\n",
            "the name `a b`",
        ),
        (
            "[[webhooks]]\nname = \"a\"\nurl = \"ftp://localhost/\"\nsecret = \"secret\"\n",
            "webhook a",
        ),
        (
            "[[webhooks]]\nname = \"a\"\nurl = \"http://localhost/\"\nsecret = \"secret\"\nsecrets = 1\n",
            "unknown field",
        ),
    ] {
        let mut command = configured(&home, options, &["--api-key", KEY]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{options}");
        assert!(error.contains(said), "{options}: {error}");
        assert!(!error.contains("secret\""), "{options}: {error}");
    }
    let mut command = home.command(&["--config", "no-such-file.toml", "--api-key", KEY]);
    let error = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(error.contains("cannot read no-such-file.toml"), "{error}");
}

#[test]
fn the_secret_of_a_receiver_is_no_key() {
    let home = Home::new();
    let keys = home.dir().join("keys.toml");
    let hashed = Command::new(env!("CARGO_BIN_EXE_api-server"))
        .arg("hash-key")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut hashed = hashed.unwrap();
    writeln!(hashed.stdin.take().unwrap(), "of-the-receiver").unwrap();
    let sha256 = String::from_utf8(hashed.wait_with_output().unwrap().stdout).unwrap();
    fs::write(
        &keys,
        format!("[[keys]]\nname = \"one\"\nscopes = [\"read\"]\n{sha256}"),
    )
    .unwrap();
    let webhook =
        "[[webhooks]]\nname = \"a\"\nurl = \"http://127.0.0.1:1/\"\nsecret = \"of-the-receiver\"\n";
    for key in [
        &["--keys", keys.to_str().unwrap()][..],
        &["--api-key", "of-the-receiver"],
    ] {
        let arguments = [&["--listen", "127.0.0.1:0"][..], key].concat();
        let output = configured(&home, webhook, &arguments).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && error.contains("secret"),
            "{error}"
        );
        assert!(!error.contains("of-the-receiver"), "{error}");
    }
}

#[test]
fn a_request_is_followed_into_the_store_by_its_id() {
    let home = Home::new();
    if !home.is_file() {
        return;
    }
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--api-key",
        KEY,
        "--log-format",
        "json",
    ];
    let mut command = home.command(&arguments);
    command.env("RUST_LOG", "info,convodb=debug");
    let server = Server::start(command);
    let message = text_from("con_1", "Hello").to_string();
    let id = ["--header", "X-Request-Id: followed"];
    let body = ["--json", &message];
    let path = "/v1/messages/receive";
    server.curl(path, &[id, body].concat()).expect(201);
    // Also the last line of the request.
    server.await_log("finished processing request");
    let log = server.log();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    let is_received = |line: &&Value| line["span"]["command"] == "receive";
    let applied = lines.iter().find(is_received).unwrap();
    let is_committed =
        |line: &&Value| line["message"] == "committed" && line["commit"] == applied["commit"];
    let committed = lines.iter().find(is_committed).unwrap();
    assert_eq!(applied["message"], "applied");
    assert_eq!(applied["spans"][0]["id"], "followed", "{applied}");
    // The server's own may be in the same commit.
    assert!(committed["commands"].as_u64() >= Some(1), "{committed}");
    server.stop();
}

#[test]
fn metrics_count_requests_by_their_routes_and_show_the_store() {
    let home = Home::new();
    let server = home.start_with(&["--metrics-listen", "127.0.0.1:0"]);
    server.conversation("con_1");
    server.get("/v1/conversations").expect(200);
    server.get("/v1/conversations/nothing").expect(404);
    for method in ["ODD", "ODDER"] {
        let request = ["--request", method];
        server.curl("/nothing", &request).expect(404);
    }
    let text = server.get("/metrics");
    assert_eq!(text.status, 200);
    for line in [
        r#"convodb_requests_total{method="GET",route="/v1/conversations",status="200"} 1"#,
        r#"convodb_requests_total{method="GET",route="/v1/conversations/{id}",status="404"} 1"#,
        r#"convodb_requests_total{method="POST",route="/v1/messages/receive",status="201"} 1"#,
        r#"convodb_request_seconds_count{method="GET",route="/v1/conversations"} 1"#,
        r#"convodb_requests_total{method="other",route="none",status="404"} 2"#,
        "convodb_newest_event 2",
        "convodb_queue_free 256",
    ] {
        assert!(text.body.contains(line), "{line}: {}", text.body);
    }
    // One mark of the end, behind everything.
    assert!(text.body.ends_with("# EOF\n") && text.body.matches("# EOF").count() == 1);
    let unauthorized = server.curl_as_it_is("/metrics", &[]);
    assert_eq!(unauthorized.status, 401);
    // The listener of their own needs no key.
    let log = server.log();
    let alone = log.split("metrics are at ").nth(1).unwrap();
    let alone = alone.split_whitespace().next().unwrap();
    let ask = |url: &str| {
        let mut curl = Command::new("curl");
        Answer::of({
            curl.args(["--silent", "--include", "--noproxy", "*", url]);
            curl
        })
    };
    let shown = ask(alone).body;
    assert!(shown.contains("convodb_newest_event 2"), "{shown}");
    let other = ask(&format!("{alone}/other"));
    other.refused(404, "not_found", "nothing at this path");
    assert!(other.header("x-request-id").is_some());
    server.stop();
}

#[test]
fn a_request_has_one_id_in_its_answer_and_in_the_log() {
    let home = Home::new();
    let server = home.start_with(&["--log-format", "json"]);
    let given = server.curl("/v1/tags", &["--header", "X-Request-Id: from-the-proxy-7"]);
    assert_eq!(given.header("x-request-id"), Some("from-the-proxy-7"));
    let made = server.get("/v1/tags");
    let made = made.header("x-request-id").unwrap();
    // One that a log should not have is replaced.
    for id in ["", "a b", "na\u{ef}ve", &"M".repeat(129)] {
        let header = format!(
            "X-Request-Id{}",
            if id.is_empty() {
                ";".to_owned()
            } else {
                format!(": {id}")
            }
        );
        let answer = server.curl("/v1/tags", &["--header", &header]);
        let replaced = answer.header("x-request-id").unwrap();
        assert!(replaced != id && replaced.len() == 36, "{id}: {replaced}");
    }
    for id in ["from-the-proxy-7", made] {
        let line = until(|| {
            let log = server.log();
            log.lines()
                .find(|line| line.contains(id))
                .map(str::to_owned)
        });
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["span"]["id"], id);
        assert_eq!(line["span"]["path"], "/v1/tags");
        assert_eq!(line["message"], "finished processing request");
    }
    server.stop();
}

/// A process that ends with its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program of the machine, or a line that says what is missing.
fn installed(program: &str, package: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output();
    let is_there = found.is_ok_and(|found| found.status.success());
    if !is_there {
        let is_required = std::env::var_os("CONVODB_REQUIRE_NGINX").is_some();
        assert!(
            !is_required || program == "systemd-analyze",
            "{program} is missing"
        );
        let line = format!("skipped: {program} is not installed (Debian's package {package})");
        let mut errors = std::io::stderr();
        writeln!(errors, "{line}").unwrap();
    }
    is_there
}

#[test]
fn the_example_of_nginx_serves_the_api_with_tls_and_streams_events() {
    if !installed("nginx", "nginx-light") || !installed("openssl", "openssl") {
        return;
    }
    let home = Home::new();
    let server = home.start();
    let dir = home.dir();
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let (certificate, key) = (dir.join("proxy.pem"), dir.join("proxy.key"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args([
            "-subj",
            "/CN=inbox.example.com",
            "-addext",
            "subjectAltName=DNS:inbox.example.com",
        ])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/nginx.conf");
    let example = fs::read_to_string(example).unwrap();
    let at = dir.display();
    for place in [
        "127.0.0.1:8080",
        "listen 443 ssl",
        "/etc/ssl/inbox.example.com.pem",
    ] {
        assert!(example.contains(place), "{place}");
    }
    let part = example
        .replace("127.0.0.1:8080", server.address())
        .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"))
        .replace(
            "/etc/ssl/inbox.example.com.pem",
            certificate.to_str().unwrap(),
        )
        .replace("/etc/ssl/inbox.example.com.key", key.to_str().unwrap());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {at}/{name};\n"))
        .concat();
    let whole = format!(
        "daemon off; master_process off; pid {at}/nginx.pid; error_log {at}/error.log; worker_processes 1;\n\
         events {{}}\nhttp {{ access_log off; {temporary} {part} }}\n"
    );
    let file = dir.join("nginx.conf");
    fs::write(&file, whole).unwrap();
    let mut nginx = Command::new("nginx");
    nginx
        .arg("-c")
        .arg(&file)
        .arg("-p")
        .arg(dir)
        .stderr(Stdio::null());
    let _nginx = Killed(nginx.spawn().unwrap());
    let curl = |path: &str, arguments: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--noproxy",
            "*",
            "--include",
            "--max-time",
            "10",
            "--cacert",
        ]);
        curl.arg(&certificate)
            .args(["--resolve", &format!("inbox.example.com:{port}:127.0.0.1")])
            .args(["--header", &format!("Authorization: Bearer {KEY}")])
            .args(arguments)
            .arg(format!("https://inbox.example.com:{port}{path}"));
        String::from_utf8(curl.output().unwrap().stdout).unwrap()
    };
    let listed = until(|| Some(curl("/v1/conversations", &[])).filter(|it| it.contains(" 200 ")));
    assert!(listed.contains("x-request-id: "), "{listed}");
    assert!(curl("/metrics", &[]).contains(" 404 "));
    assert!(curl("/v1/admin/stats", &[]).contains(" 404 "));
    server.conversation("con_1");
    let stream = curl(
        "/v1/events/stream?after=0",
        &["--no-buffer", "--max-time", "2"],
    );
    assert!(stream.contains("event: conversation.created"), "{stream}");
    server.stop();
    std::thread::sleep(Duration::ZERO);
}

#[test]
fn the_unit_of_systemd_is_sound() {
    if !installed("systemd-analyze", "systemd") {
        return;
    }
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/api-server.service");
    let checked = Command::new("systemd-analyze")
        .args(["verify", "--man=no", unit])
        .output();
    let checked = checked.unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    // The program is not installed on the machine of the tests.
    let wrong = said
        .lines()
        .filter(|line| line.contains("api-server.service"));
    let wrong: Vec<_> = wrong
        .filter(|line| !line.contains("is not executable"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_example_of_options_is_taken() {
    let home = Home::new();
    if !home.is_file() {
        return;
    }
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/api-server.toml");
    let example = fs::read_to_string(example).unwrap();
    let example = example
        .replace("# [[", "[[")
        .replace("\n# name", "\nname")
        .replace("\n# url", "\nurl");
    let example = example
        .replace("\n# secret", "\nsecret")
        .replace("\n# events", "\nevents");
    let example = example
        .replace("\n# give_up", "\ngive_up")
        .replace("127.0.0.1:9187", "127.0.0.1:0");
    let file = home.dir().join("file.redb");
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--api-key",
        KEY,
        "--db",
        file.to_str().unwrap(),
    ];
    let mut command = configured(&home, &example, &arguments);
    command.env_remove("CONVODB_DB");
    let server = Server::start(command);
    let webhooks = server.get("/v1/webhooks").expect(200);
    assert_eq!(webhooks["data"][0]["name"], "billing");
    server.stop();
}
