//! More commands than may be under way.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::server::{Home, text_from};

#[test]
fn a_command_beyond_the_bound_is_503_at_once_and_not_done_and_reads_go_on() {
    let home = Home::new();
    let server = home.start_with(&["--queue", "1"]);
    let (done, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        for client in 0..12 {
            let (server, done, refused, enough) = (&server, &done, &refused, &enough);
            scope.spawn(move || {
                for number in 0..200 {
                    if enough.load(Ordering::Relaxed) {
                        return;
                    }
                    let contact = format!("con_{client}_{number}");
                    let answer = server.post("/v1/messages/receive", &text_from(&contact, "Hello"));
                    if answer.status == 201 {
                        done.fetch_add(1, Ordering::Relaxed);
                    } else {
                        answer.refused(503, "overloaded", "nothing was done");
                        assert_eq!(answer.header("retry-after"), Some("1"));
                        let refused = refused.fetch_add(1, Ordering::Relaxed);
                        enough.store(refused > 3, Ordering::Relaxed);
                        // A read takes no place of a command.
                        server.get("/v1/conversations").expect(200);
                    }
                }
            });
        }
    });
    assert!(refused.into_inner() > 0);
    let page = server.get("/v1/conversations").expect(200);
    assert_eq!(page["total"], done.into_inner());
    server.curl_as_it_is("/healthz", &[]).expect(200);
}
