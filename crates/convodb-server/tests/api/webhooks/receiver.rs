//! A receiver of webhooks, which believes none that is not signed.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

pub(super) const SECRET: &str = "the-receivers-secret";

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    Take,
    /// It is taken, and its sender does not learn so.
    TakeAndBreakOff,
    Refuse,
    BreakOff,
    Hang,
    TakeAndHang,
}

#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    taken: Mutex<Vec<Value>>,
}

pub(super) struct Receiver {
    url: String,
    seen: Arc<Seen>,
}

impl Receiver {
    /// Treats the requests by their number, from 0.
    pub(super) fn start(treatment: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hooks?of=inbox", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let treatment = Arc::new(treatment);
        // Both threads end with the tests' process.
        thread::spawn({
            let seen = Arc::clone(&seen);
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let (seen, treatment) = (Arc::clone(&seen), Arc::clone(&treatment));
                    thread::spawn(move || receive(stream, &seen, &*treatment));
                }
            }
        });
        Self { url, seen }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    pub(super) fn taken(&self) -> Vec<Value> {
        self.seen.taken.lock().unwrap().clone()
    }
}

/// The requests of a connection.
fn receive(stream: TcpStream, seen: &Seen, treatment: &dyn Fn(usize) -> Reply) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let head = head(&mut reader)?;
        let value = |name: &str| {
            let header = head
                .iter()
                .find(|line| line.to_lowercase().starts_with(name));
            header.map(|line| line[name.len()..].trim().to_owned())
        };
        let mut body = vec![0; value("content-length:")?.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        let reply = treatment(seen.requests.fetch_add(1, Ordering::SeqCst));
        let take = || {
            assert_eq!(head[0], "POST /hooks?of=inbox HTTP/1.1");
            assert_eq!(value("content-type:").as_deref(), Some("application/json"));
            let signature = value("x-convodb-signature:").expect("it is signed");
            assert_eq!(
                signature,
                sign(&value("x-convodb-timestamp:").unwrap(), &body)
            );
            let event: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(
                value("x-convodb-sequence:"),
                Some(event["sequence"].to_string())
            );
            assert_eq!(value("x-convodb-event:").as_deref(), event["type"].as_str());
            seen.taken.lock().unwrap().push(event);
        };
        let status = match reply {
            Reply::Take => {
                take();
                "204 No Content"
            }
            Reply::TakeAndBreakOff => {
                take();
                return None;
            }
            Reply::Refuse => "500 Internal Server Error",
            Reply::BreakOff => return None,
            Reply::Hang | Reply::TakeAndHang => {
                if reply == Reply::TakeAndHang {
                    take();
                }
                // Until its sender is gone.
                let _ = reader.read(&mut [0]);
                return None;
            }
        };
        let length = if reply == Reply::Take {
            ""
        } else {
            "Content-Length: 0\r\n"
        };
        write!(writer, "HTTP/1.1 {status}\r\n{length}\r\n").ok()?;
    }
}

fn head(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let mut head = Vec::new();
    for line in reader.lines() {
        match line.ok()? {
            line if line.is_empty() => return Some(head),
            line => head.push(line),
        }
    }
    None
}

fn sign(timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{timestamp}.").as_bytes());
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}
