//! Both servers must answer alike, byte for byte, before anything is timed.

use anyhow::{Result, ensure};
use compare::data::{Rng, text};
use convodb::Status;
use serde_json::Value;

use crate::cases::Work;
use crate::client::Client;
use crate::servers::Server;
use crate::traffic::{Request, Traffic, conversation};

const SAMPLES: usize = 200;
const MESSAGES: usize = 20;
/// In the past, so that neither server takes its own clock instead.
const SENT_AT: &str = "2025-12-31T12:00:00.000250Z";

pub(crate) fn alike(servers: &[Server], traffic: &Traffic) -> Result<()> {
    let mut clients = Vec::new();
    for server in servers {
        clients.push((server, Client::connect(server.address)?));
    }
    let mut rng = Rng::new(11);
    for work in [Work::List, Work::Deep, Work::Get] {
        for _ in 0..SAMPLES {
            let request = traffic.draw(work, &mut rng);
            same(&mut clients, &request, <[u8]>::to_vec)?;
        }
    }
    // After the last page, and of an unknown assignee.
    let all = traffic.total(None, None);
    for target in [
        format!("/v1/conversations?status=all&page={}", all + 1),
        "/v1/conversations?assigned_to=usr_nobody".to_owned(),
    ] {
        same(&mut clients, &Request::get(&target), <[u8]>::to_vec)?;
    }
    totals(&mut clients, traffic)?;
    refusals(&mut clients)?;
    for _ in 0..MESSAGES {
        let one = traffic.any(&mut rng);
        let new = format!("con_check_{:016x}", rng.next());
        for contact in [one.contact(), &new, &new] {
            let (channel, content) = (one.channel.as_str(), text(rng.next()));
            let request = Request::receive(&format!(
                r#"{{"contact_id":"{contact}","channel":"{channel}","type":"text","content":"{content}","sent_at":"{SENT_AT}"}}"#
            ));
            same(&mut clients, &request, without_ids)?;
        }
        same(&mut clients, &conversation(one.id), without_ids)?;
    }
    Ok(())
}

/// Asks both, and compares what is read of their answers; gives the first.
fn same(
    clients: &mut [(&Server, Client)],
    request: &Request,
    read: impl Fn(&[u8]) -> Vec<u8>,
) -> Result<Vec<u8>> {
    let mut first: Option<(&Server, Vec<u8>)> = None;
    for (server, client) in clients {
        let (name, asked) = (
            server.name.as_str(),
            String::from_utf8_lossy(&request.bytes),
        );
        let answer = client.ask(&request.bytes)?;
        let body = String::from_utf8_lossy(answer.body);
        let status = answer.status;
        ensure!(
            status == request.expected,
            "{name} answers {status}: {body}\n{asked}"
        );
        let body = read(answer.body);
        match &first {
            None => first = Some((server, body)),
            Some((other, before)) => ensure!(
                *before == body,
                "{} and {name} differ:\n{}\n{}\n{asked}",
                other.name.as_str(),
                String::from_utf8_lossy(before),
                String::from_utf8_lossy(&body),
            ),
        }
    }
    Ok(first.map(|(_, body)| body).unwrap_or_default())
}

/// The totals are the generator's, so both cannot be wrong alike.
fn totals(clients: &mut [(&Server, Client)], traffic: &Traffic) -> Result<()> {
    for status in [None, Some(Status::Open), Some(Status::Resolved)] {
        let name = status.map_or("all", Status::as_str);
        let request = Request::get(&format!("/v1/conversations?status={name}&limit=1"));
        let page: Value = serde_json::from_slice(&same(clients, &request, <[u8]>::to_vec)?)?;
        let total = page.get("total").and_then(Value::as_u64);
        let expected = traffic.total(status, None);
        ensure!(
            total == Some(expected),
            "{total:?} and not {expected} are {name}"
        );
    }
    Ok(())
}

/// The statuses of errors are the API's; their messages differ.
fn refusals(clients: &mut [(&Server, Client)]) -> Result<()> {
    let unknown = "/v1/conversations/conv_01HABC00000000000000000000";
    let head =
        "GET /v1/conversations HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer other\r\n\r\n";
    let refused = |request: Request, expected| Request {
        expected,
        ..request
    };
    for request in [
        refused(Request::get(unknown), 404),
        refused(Request::get("/v1/conversations?status=closed"), 422),
        refused(Request::get("/v1/conversations?colour=red"), 422),
        refused(Request::receive(r#"{"contact_id":"con_1"}"#), 422),
        refused(Request::receive("contact_id=con_1"), 400),
        Request {
            bytes: head.as_bytes().to_vec(),
            expected: 401,
        },
    ] {
        same(clients, &request, |_| Vec::new())?;
    }
    Ok(())
}

/// Each store assigns its own ids, and a message is activity when it comes to the store.
fn without_ids(body: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice(body) else {
        return body.to_vec();
    };
    forget(&mut value);
    value.to_string().into_bytes()
}

fn forget(value: &mut Value) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(forget),
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "id" | "conversation_id" | "updated_at" | "opened_at" => *value = Value::Null,
                    // Its id is given, and not assigned by a store.
                    "assigned_to" => {}
                    _ => forget(value),
                }
            }
        }
        _ => {}
    }
}
