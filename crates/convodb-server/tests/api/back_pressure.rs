//! More requests than the pool takes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::server::{Home, text_from, until};

#[test]
fn what_finds_no_place_to_wait_is_503_at_once_and_nothing_of_it_is_done() {
    let home = Home::new();
    let server = home.start_with(&["--threads", "1", "--queue", "0"]);
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
                    }
                }
            });
        }
    });
    assert!(refused.into_inner() > 0);
    // The thread takes a moment from one answer to the next request.
    let page = until(|| {
        let answer = server.get("/v1/conversations");
        (answer.status == 200).then(|| answer.expect(200))
    });
    let stored = page["total"].clone();
    assert_eq!(stored, done.into_inner());
    // It is healthy, and says so without a turn in the queue.
    server.curl_as_it_is("/healthz", &[]).expect(200);
}
