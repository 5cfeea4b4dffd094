//! The same on a server with a workspace of a PostgreSQL database.

use super::*;
use crate::postgres::Base;

#[test]
fn every_command_prints_on_a_server_what_it_prints_on_its_workspace() {
    let Some(base) = Base::new() else { return };
    let desk = Desk::with(30, "one.redb");
    fs::write(desk.path("all.ndjson"), desk.ok(&["export", "one.redb"])).unwrap();
    let served = Served::start(&desk, &["--db", &base.url]);
    served.ok(&desk, &["import", "--lines", "all.ndjson"]);
    let id = served.json(&desk, &["list"])["data"][0]["id"].clone();
    for (command, rest) in [
        ("list", &["--status", "all"][..]),
        ("show", &[id.as_str().unwrap()]),
        ("export", &[]),
        ("verify", &[]),
        ("events", &[]),
    ] {
        for json in [&[][..], &["--json"]] {
            let direct = desk.ok(&[&[command, &base.url], rest, json].concat());
            let on_server = served.ok(&desk, &[&[command], rest, json].concat());
            assert_eq!(on_server, direct, "{command} {rest:?} {json:?}");
        }
    }
    let without = |mut statistics: Value| {
        // The server folds meanwhile.
        statistics.as_object_mut().unwrap().remove("unfolded");
        statistics
    };
    assert_eq!(
        without(served.json(&desk, &["stats"])),
        without(desk.json(&["stats", &base.url]))
    );
    let message = served.failure(&desk, 3, &["backup", "copy.redb"]);
    assert!(message.contains("pg_dump"), "{message}");
    let message = served.failure(&desk, 3, &["compact"]);
    assert!(message.contains("autovacuum"), "{message}");
    let names = ["all.ndjson", "one.redb"];
    assert_eq!(desk.names(), names);
}
