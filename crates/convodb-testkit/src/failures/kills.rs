//! What is killed while writers write: the server, connections of the server, and processes of the application.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use convodb_postgres::{PgOptions, PgStore, testing};

use super::check::check;
use super::history::{Entry, History};
use super::load::{Control, Load, Plan, block_on, database, report};
use super::proxy::{Cut, Proxy};
use super::writer::{Manner, Writer, begin, find};
use crate::child::{self, Child};
use crate::harness::random::Random;
use crate::harness::report::Report;
use crate::postgres::Server;

/// Settings of a server that loses the latest commits in a crash.
pub const LOSSY: [&str; 3] = [
    "full_page_writes=on",
    "synchronous_commit=off",
    "wal_writer_delay=10s",
];

/// Settings of a server that loses nothing in a crash.
pub const DURABLE: [&str; 3] = ["fsync=on", "full_page_writes=on", "synchronous_commit=on"];

/// Kills a server of these settings again and again, and starts it anew.
pub fn server(plan: Plan, settings: &[&str]) -> Report {
    let mut report = report();
    let mut server = Server::start_with(settings);
    let url = server.url(&database(&server));
    let options = || plan.options(&url, "main");
    let mut random = Random::new(plan.seed);
    let load = block_on(Load::start(
        plan,
        (0..plan.stores).map(|_| options()).collect(),
    ));
    let begun = Instant::now();
    while begun.elapsed() < plan.time {
        std::thread::sleep(Duration::from_millis(100 + random.below(500)));
        server.kill();
        std::thread::sleep(Duration::from_millis(random.below(100)));
        server.launch(settings);
        report.tried("kills", 1);
    }
    block_on(load.end(options(), &mut report));
    report
}

/// Ends random connections of the server, also of what folds the counts, which it does without a pause.
pub fn connections(plan: Plan, server: &Server) -> Report {
    let mut report = report();
    let database = database(server);
    let url = server.url(&database);
    let options = || plan.options(&url, "main");
    let mut random = Random::new(plan.seed);
    block_on(async {
        let load = Load::start(plan, (0..plan.stores).map(|_| options()).collect()).await;
        let folding = plan.options(&format!("{url} application_name=folder"), "main");
        let folder = PgStore::open(folding.background(false)).await.unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let folds = tokio::spawn(async move {
            let mut folds = 0;
            while !over.load(Ordering::SeqCst) {
                folds += u64::from(testing::settle_now(&folder).await.is_ok());
            }
            folds
        });
        let begun = Instant::now();
        let mut ended = 0;
        while begun.elapsed() < plan.time {
            tokio::time::sleep(Duration::from_millis(random.below(30))).await;
            let who = [
                "application_name = 'folder'",
                "application_name = 'convodb'",
            ];
            let who = who[random.index(2)];
            let sql = format!(
                "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity \
                 WHERE datname = '{database}' AND {who} ORDER BY state = 'active' DESC, random() LIMIT 1) a"
            );
            ended += server.psql("postgres", &sql).parse::<u64>().unwrap_or(0);
        }
        is_over.store(true, Ordering::SeqCst);
        report.tried("ended connections", ended);
        report.tried("folds", folds.await.unwrap());
        load.end(options(), &mut report).await;
    });
    report
}

/// Cuts connections at their commits.
pub fn cuts(plan: Plan, server: &Server) -> Report {
    let mut report = report();
    let database = database(server);
    block_on(async {
        let proxy = Proxy::start(server).await;
        let through = |_| plan.options(&proxy.url(&database), "main");
        let load = Load::start(plan, (0..plan.stores).map(through).collect()).await;
        proxy.cut(4, None);
        tokio::time::sleep(plan.time).await;
        proxy.cut(0, None);
        let names = [
            "cuts before",
            "within",
            "after",
            "within the answer",
            "late requests",
        ];
        for (kind, name) in Cut::ALL.into_iter().zip(names) {
            report.tried(name, proxy.cuts(kind));
        }
        load.end(plan.options(&server.url(&database), "main"), &mut report)
            .await;
    });
    report
}

/// Kills processes that write, two of which run at any time.
pub fn processes(plan: Plan, server: &Server, start: impl Fn(&str) -> Child + Sync) -> Report {
    let mut report = report();
    let url = server.url(&database(server));
    let options = || plan.options(&url, "main");
    let store = block_on(PgStore::open(options())).unwrap();
    let ids = block_on(begin(&store, plan.conversations)).unwrap();
    let history = History::default();
    let begun = Instant::now();
    let kills: u64 = std::thread::scope(|scope| {
        let children: Vec<_> = (0..2_u64)
            .map(|side| {
                let (url, start, history) = (&url, &start, &history);
                scope.spawn(move || {
                    let mut random = Random::new(plan.seed.wrapping_add(side));
                    let mut kills = 0;
                    while begun.elapsed() < plan.time {
                        let manner = match plan.control {
                            Control::Hasty => "hasty",
                            Control::Twice => "twice",
                            _ => "honest",
                        };
                        let of = plan.conversations;
                        let role = format!("postgres {manner} {side}p{kills} {of} {url}");
                        let mut child = start(&role);
                        listen_and_kill(&mut child, &mut random, history);
                        kills += 1;
                    }
                    kills
                })
            })
            .collect();
        children
            .into_iter()
            .map(|child| child.join().unwrap())
            .sum()
    });
    report.tried("kills", kills);
    report.tried("acknowledged", history.acknowledged());
    report.tried("unknown", history.unknown());
    // The server may still run what the last ones sent.
    std::thread::sleep(Duration::from_millis(200));
    block_on(check(&store, &ids, &history, &mut report));
    report
}

/// Hears some lines of a child, kills it, and hears the rest.
fn listen_and_kill(child: &mut Child, random: &mut Random, history: &History) {
    let (most, micros) = (20 + random.below(150), random.below(3_000));
    let mut heard = 0;
    loop {
        if heard == most {
            std::thread::sleep(Duration::from_micros(micros));
            child.kill();
        }
        let Some(line) = child.hear() else {
            return;
        };
        // The last line may be cut.
        if let Ok(entry) = serde_json::from_str::<Entry>(&line) {
            history.put(entry);
        }
        heard += 1;
    }
}

/// The child's part. Whether the role is one of these.
pub fn serve(role: &str) -> bool {
    let Some(("postgres", rest)) = role.split_once(' ') else {
        return false;
    };
    let mut words = rest.splitn(4, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (manner, name, conversations, url) = (word(), word(), word(), word());
    let manner = match manner {
        "hasty" => Manner::Hasty,
        "twice" => Manner::Twice,
        _ => Manner::Honest,
    };
    block_on(async {
        let options = PgOptions::new(url).unwrap().connections(4);
        let store = PgStore::open(options).await.unwrap();
        let ids = find(&store, conversations.parse().unwrap()).await.unwrap();
        let ids = Arc::new(ids);
        let seed = name
            .bytes()
            .fold(0, |seed: u64, byte| seed * 31 + u64::from(byte));
        let mut tasks = Vec::new();
        for number in 0..6 {
            let (store, ids, name) = (store.clone(), ids.clone(), name.to_owned());
            tasks.push(tokio::spawn(async move {
                let mut writer = Writer::new(&name, number, store, &ids, seed);
                writer.manner = manner;
                let say = |entry: Entry| child::say(&serde_json::to_string(&entry).unwrap());
                writer.run(2_000, &AtomicBool::new(false), &say).await;
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    true
}
