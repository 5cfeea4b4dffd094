//! Clients that are slow, and clients that are many.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{Answer, Home, JSON, KEY, PATIENCE, text_from};

#[test]
fn a_client_that_sends_slowly_is_cut_off_in_its_head_and_answered_408_in_its_body() {
    let home = Home::new();
    let server = home.start_with(&["--request-timeout", "0.5"]);
    let slow = |text: &str| {
        let started = Instant::now();
        let mut client = TcpStream::connect(server.address()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(started.elapsed() >= Duration::from_millis(500));
        answer
    };
    let head = slow("GET /healthz HTTP/1.1\r\nHost: local");
    assert!(
        head.is_empty() || head.starts_with("HTTP/1.1 408"),
        "{head}"
    );
    let body = slow(&format!(
        "POST /v1/messages/send HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n\
         {JSON}\r\nContent-Length: 100\r\n\r\n{{\"contact_id\":"
    ));
    Answer::parse(&body).refused(408, "request_timeout", "too long");
    let metrics = server.get("/metrics").body;
    let counted =
        r#"convodb_requests_total{method="POST",route="/v1/messages/send",status="408"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    server.get("/v1/conversations").expect(200);
}

#[test]
fn sixteen_clients_at_once_each_find_what_they_have_written() {
    const CLIENTS: usize = 16;
    const EACH: usize = 5;
    let home = Home::new();
    let server = home.start();
    let ids: BTreeSet<String> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let server = &server;
                scope.spawn(move || {
                    let write = |number| {
                        let id = server.conversation(&format!("con_{client}_{number}"));
                        let thread = server.get(&format!("/v1/conversations/{id}")).expect(200);
                        assert_eq!(thread["contact_id"], format!("con_{client}_{number}"));
                        id
                    };
                    (0..EACH).map(write).collect::<Vec<_>>()
                })
            })
            .collect();
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    });
    assert_eq!(ids.len(), CLIENTS * EACH);
    let listed = server.get("/v1/conversations?limit=100").expect(200);
    assert_eq!(listed["total"], CLIENTS * EACH);
}

#[test]
fn connections_beyond_the_limit_wait_for_a_place() {
    let home = Home::new();
    let server = home.start_with(&["--connections", "2", "--request-timeout", "2"]);
    let idle = [(); 2].map(|()| TcpStream::connect(server.address()).unwrap());
    // Once these two are given up, it is this one's turn.
    server
        .post("/v1/messages/receive", &text_from("con_1", "Hello"))
        .expect(201);
    drop(idle);
}
