//! The harness itself: data, checks and figures.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use convodb::{Channel, Status};
use indicatif::ProgressBar;

use crate::cases::Bench;
use crate::check;
use crate::commands::{Commands, Pick, Round, Verb};
use crate::data::{Conversation, Dataset, MIN_SIZE};
use crate::engine::{Command, Kind};
use crate::engines::VIEWS_FILE;
use crate::measure::{Figure, Record, Tail, Written};
use crate::plan::{Place, Plan, page_at};
use crate::report;
use crate::views::{self, View};

const SIZE: u32 = 2_000;

fn cases() -> impl Iterator<Item = (Verb, Pick)> {
    let picks = [Pick::Recent, Pick::Uniform];
    picks
        .into_iter()
        .flat_map(|pick| Verb::ALL.map(|verb| (verb, pick)))
}

#[test]
fn every_engine_answers_what_the_generator_says_and_runs_commands_alike() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let data = Dataset::new(SIZE, 90);
    let plan = Plan::new(&data)?;
    let mut commands = Commands::new(&data);
    let mut written: Vec<Command> = Vec::new();
    for (verb, pick) in cases() {
        let Round { before, timed } = commands.round(verb, pick);
        written.extend(before.into_iter().chain(timed.into_iter().take(4)));
    }
    let mut aftermaths = Vec::new();
    for kind in Kind::ALL {
        let loaded = Cell::new(0);
        let mut engine = kind.engine(&data, directory.path());
        engine.load(&data, &|more| loaded.set(loaded.get() + more))?;
        engine.compact()?;
        engine.close()?;
        assert!(!kind.has_file() || loaded.get() == u64::from(SIZE));
        engine.open()?;
        engine.prepare(&plan)?;
        check::reads(kind, engine.as_mut(), &data, &plan)?;
        engine.close()?;
    }
    for kind in Kind::ALL.into_iter().filter(|kind| kind.writes()) {
        let mut engine = kind.engine(&data, directory.path());
        engine.open()?;
        engine.prepare(&plan)?;
        written.iter().try_for_each(|command| engine.run(command))?;
        let after = check::Aftermath::of(engine.as_mut(), &commands.touched())?;
        aftermaths.push((kind, after));
    }
    let (_, first) = &aftermaths[0];
    assert!(aftermaths.iter().all(|(_, after)| after == first));
    Ok(())
}

#[test]
fn a_page_that_is_not_the_generators_is_refused() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let data = Dataset::new(SIZE, 90);
    let mut plan = Plan::new(&data)?;
    let mut engine = Kind::Lmdb.engine(&data, directory.path());
    engine.load(&data, &|_| {})?;
    engine.prepare(&plan)?;
    check::reads(Kind::Lmdb, engine.as_mut(), &data, &plan)?;
    // One row's place on one page.
    plan.probes[1].expected[0].swap(0, 1);
    assert!(check::reads(Kind::Lmdb, engine.as_mut(), &data, &plan).is_err());
    Ok(())
}

#[test]
fn the_data_is_what_the_readme_says() {
    let data = Dataset::new(100_000, 90);
    let conversations: Vec<_> = data.conversations().collect();
    assert!(conversations.is_sorted_by(|a, b| a.id < b.id));
    let ids: HashSet<u128> = conversations.iter().map(|one| one.id).collect();
    assert_eq!(ids.len(), 100_000);
    let percent = |selects: &dyn Fn(&crate::data::Conversation) -> bool| {
        conversations.iter().filter(|one| selects(one)).count() / 1_000
    };
    for (channel, wanted) in Channel::ALL.into_iter().zip([60_usize, 20, 15, 5]) {
        assert!(percent(&|one| one.channel == channel).abs_diff(wanted) <= 1);
    }
    assert!(percent(&|one| one.status == Status::Open).abs_diff(15) <= 1);
    assert!(percent(&|one| one.assignee == 0).abs_diff(30) <= 1);
    assert!(percent(&|one| (1..=200).contains(&one.assignee)).abs_diff(60) <= 1);
    let messages: u32 = conversations.iter().map(|one| one.messages).sum();
    assert!((990_000..1_020_000).contains(&messages), "{messages}");
    for wanted in [10, 500] {
        for number in data.specimens(wanted) {
            let messages: Vec<_> = data.messages(&data.conversation(number)).collect();
            assert_eq!(messages.len(), wanted as usize);
            assert!(messages.is_sorted_by(|a, b| a.id < b.id && a.created_us < b.created_us));
            assert!(messages.iter().all(|message| message.content.len() == 80));
        }
    }
}

#[test]
fn a_page_by_its_part_of_the_list_is_never_behind_the_last() {
    assert_eq!(page_at(0.0, 1_000), 1);
    assert_eq!(page_at(0.5, 1_000), 26);
    assert_eq!(page_at(1.0, 1_000), 50);
    assert_eq!(page_at(0.99, 7), 1);
    assert_eq!(page_at(0.5, 0), 1);
}

#[test]
fn a_plan_goes_through_json_to_a_child() -> Result<()> {
    let plan = Plan::new(&Dataset::new(SIZE, 90))?;
    let back = Plan::from_json(&plan.to_json())?;
    let places = |plan: &Plan| {
        let probes = plan.probes.iter().flat_map(|probe| &probe.places);
        let place = |place: &Place| match place {
            Place::Page(page) => format!("page {page}"),
            Place::Behind(mark) => format!("behind {} {}", mark.updated_us, mark.cursor),
        };
        probes.map(place).collect::<Vec<_>>()
    };
    assert_eq!(places(&plan), places(&back));
    assert_eq!(plan.threads, back.threads);
    Ok(())
}

/// A bench as it is before the cases that write.
fn loaded(size: u32, directory: &Path) -> Result<Bench> {
    let data = Dataset::new(size, 90);
    let plan = Plan::new(&data)?;
    let mut engines = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| kind.writes()) {
        let mut engine = kind.engine(&data, directory);
        engine.load(&data, &|_| {})?;
        engine.prepare(&plan)?;
        engines.push((kind, engine));
    }
    Ok(Bench {
        data,
        plan,
        engines,
        records: Vec::new(),
        notes: Vec::new(),
        bar: ProgressBar::hidden(),
    })
}

#[test]
fn a_run_of_what_writes_has_every_case_of_every_engine_and_its_goals() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut bench = loaded(MIN_SIZE, directory.path())?;
    bench.writes()?;
    bench.replay(directory.path())?;
    let measured = |case: &str, kind: Kind| {
        let of = |record: &&Record| record.case == case && record.engine == kind.name();
        bench
            .records
            .iter()
            .find(of)
            .map(|record| record.figure)
            .with_context(|| format!("{case} of {kind}"))
    };
    for case in ["append/1", "assign/1", "resolve/1", "append/16"] {
        for pick in ["", "/recent"] {
            for kind in Kind::ALL.into_iter().filter(|kind| kind.writes()) {
                let figure = measured(&format!("{case}{pick}"), kind)?;
                let tail = figure.tail.context("no tail")?;
                let ascending = [tail.p50, figure.p99, figure.p999, tail.max];
                assert!(ascending.is_sorted(), "{case}{pick} of {kind}: {figure:?}");
                assert!(tail.p50 > 0.0 && figure.mean >= figure.min);
                assert!(figure.p99 <= tail.slowest && tail.slowest <= tail.max);
                // A command has a text, and changes a page or a record of the log.
                let written = tail.written.context("nothing is counted")?;
                assert!(written.all > 100.0, "{case}{pick} of {kind}: {figure:?}");
                let logged = written.logged.unwrap_or_default();
                assert_eq!(logged > 0.0, kind == Kind::Convodb);
                assert!(logged < written.all, "there was no checkpoint");
            }
        }
    }
    for case in ["reader/alone", "reader/16"] {
        for kind in [Kind::Convodb, Kind::Sqlite, Kind::SqliteLean] {
            assert!(measured(case, kind)?.tail.is_none(), "it does not write");
        }
    }
    for case in ["replay/0", "replay/1000", "replay/full"] {
        measured(case, Kind::Convodb)?;
    }
    for case in ["recovery/1000", "recovery/full"] {
        assert!(measured(case, Kind::Convodb)?.median > 0.0, "{case}");
    }
    let [packed, grown] =
        ["file/packed", "file/one_more"].map(|case| measured(case, Kind::Convodb));
    assert!(packed?.median > 0.0 && grown?.median > 0.0);
    let goals = report::goals::list(&bench.records, &[], MIN_SIZE);
    // Eight cases beside two engines, their bytes, six means, two tails, two of the reader, a full log
    // by its rate and its time, and a file; none replays 10,000 of 1,000.
    assert_eq!(goals.len(), 16 + 8 + 6 + 2 + 2 + 2 + 1);
    let table = report::markdown::table(&bench, &[]);
    assert!(table.contains("| append/16/recent | sqlite_lean | "));
    assert!(table.contains("| reader/alone | "));
    assert!(table.contains("| recovery/full, commands a second | "));
    Ok(())
}

#[test]
fn every_command_of_a_round_is_a_change_and_nearly_all_recent_ones_are_about_few() -> Result<()> {
    let data = Dataset::new(20_000, 90);
    let mut commands = Commands::new(&data);
    let mut open: HashMap<u128, bool> = HashMap::new();
    for (verb, pick) in cases().chain(cases()) {
        let mut targets: HashMap<u128, usize> = HashMap::new();
        let (turns, each) = commands.turns(verb);
        for _ in 0..turns * each {
            let Round { before, timed } = commands.round(verb, pick);
            for command in before.iter().chain(&timed) {
                let id = command.target().id;
                let was_open = open.insert(id, !matches!(command, Command::Resolve { .. }));
                let resolves = matches!(command, Command::Resolve { .. });
                assert!(
                    !resolves || was_open != Some(false),
                    "it is resolved already"
                );
            }
            for command in &timed {
                *targets.entry(command.target().id).or_default() += 1;
            }
        }
        let sum: usize = targets.values().sum();
        let mut counts: Vec<usize> = targets.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        // The recent ones are a tenth of the 3,000 that are open.
        let few: usize = counts.iter().take(300).sum();
        match pick {
            Pick::Recent => assert!(few * 100 > sum * 90, "{few} of {sum}"),
            Pick::Uniform => assert!(few * 100 < sum * 50, "{few} of {sum}"),
        }
    }
    Ok(())
}

#[test]
fn openings_are_timed_alone_and_with_the_first_totals() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut bench = loaded(MIN_SIZE, directory.path())?;
    for (_, engine) in &mut bench.engines {
        engine.close()?;
    }
    bench.openings()?;
    for kind in Kind::ALL.into_iter().filter(|kind| kind.writes()) {
        let [open, totals] = ["open", "open/totals"]
            .map(|case| report::markdown::find(&bench.records, case, kind.name()));
        let (open, totals) = open.zip(totals).context("no openings")?;
        assert!(
            open.min < totals.min && open.median < totals.median,
            "{kind}"
        );
    }
    let goals = report::goals::list(&bench.records, &[], MIN_SIZE);
    assert_eq!(goals.len(), 1);
    Ok(())
}

#[test]
fn a_page_is_held_against_its_ratio_of_an_earlier_run() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("earlier.json");
    let record = |engine, median| Record {
        case: "first/open".to_owned(),
        engine,
        size: SIZE,
        unit: "us",
        figure: Figure::single(median),
    };
    report::json::write(&path, &[record("convodb", 2.0), record("sqlite", 8.0)])?;
    let earlier = report::json::read(&path)?;
    let now = [record("convodb", 3.0), record("sqlite", 6.0)];
    let goals = report::goals::list(&now, &earlier, SIZE);
    let goal = goals
        .iter()
        .find(|goal| goal.name == "first/open beside sqlite since")
        .context("no such goal")?;
    assert_eq!((goal.measured, goal.at_most), (2.0, 1.05));
    Ok(())
}

#[test]
fn a_large_inbox_has_24_000_lone_appends_and_turns_of_6_000() {
    let mut commands = Commands::new(&Dataset::new(200_000, 90));
    assert_eq!(commands.turns(Verb::Append), (4, 250));
    assert_eq!(commands.turns(Verb::Resolve), (2, 250));
    assert_eq!(commands.flood_turns(), (3, 24));
    let round = commands.round(Verb::Append, Pick::Uniform);
    assert_eq!(4 * 250 * round.timed.len(), 24_000);
    let flood = commands.flood(Pick::Uniform, 1);
    assert_eq!(3 * 24 * flood.concat().len(), 18_432);
}

#[test]
fn the_json_of_a_command_has_its_tail_behind_the_fields_of_every_case() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("run.json");
    let figure = Figure::of(&mut [3.0, 1.0, 2.0]).context("samples")?;
    let record = |case: &str, tail| Record {
        case: case.to_owned(),
        engine: "convodb",
        size: SIZE,
        unit: "us",
        figure: Figure { tail, ..figure },
    };
    let written = Written {
        all: 600_u64,
        logged: Some(30),
    };
    let tail = Tail::of(&[1.0, 2.0, 9.0]).map(|tail| Tail {
        written: Some(written.each(3)),
        ..tail
    });
    report::json::write(&path, &[record("open", None), record("append/1", tail)])?;
    assert_eq!(
        std::fs::read_to_string(&path)?,
        "{\"case\":\"open\",\"engine\":\"convodb\",\"size\":2000,\"unit\":\"us\",\
         \"median\":2.0,\"min\":1.0,\"p99\":3.0,\"p999\":3.0,\"mean\":2.0}\n\
         {\"case\":\"append/1\",\"engine\":\"convodb\",\"size\":2000,\"unit\":\"us\",\
         \"median\":2.0,\"min\":1.0,\"p99\":3.0,\"p999\":3.0,\"mean\":2.0,\
         \"max\":9.0,\"p50\":2.0,\"slowest\":9.0,\"written\":200.0,\"logged\":10.0}\n"
    );
    let read = report::json::read(&path)?;
    assert_eq!(read.iter().map(|one| one.median).sum::<f64>(), 4.0);
    Ok(())
}

#[test]
fn a_figure_is_the_median_with_its_spread() {
    let mut samples: Vec<f64> = (0..1_000).rev().map(f64::from).collect();
    let figure = Figure::of(&mut samples).map(|f| (f.min, f.median, f.mean, f.p99, f.p999));
    assert_eq!(figure, Some((0.0, 500.0, 499.5, 990.0, 999.0)));
    assert!(Figure::of(&mut []).is_none() && Tail::of(&[]).is_none());
    let tail = Tail::of(&samples).map(|t| (t.p50, t.slowest, t.max));
    assert_eq!(tail, Some((500.0, 994.5, 999.0)));
}

#[test]
fn a_run_of_views_has_every_case_of_every_engine_that_has_them_and_its_goals() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let data = Dataset::new(SIZE, 90);
    let mut bench = Bench {
        plan: Plan::new(&data)?,
        data,
        engines: Vec::new(),
        records: Vec::new(),
        notes: Vec::new(),
        bar: ProgressBar::hidden(),
    };
    bench.views(&Kind::ALL, directory.path())?;
    let engines = [Kind::Convodb, Kind::Sqlite, Kind::SqliteExpert];
    for what in ["first", "half", "count"] {
        for view in View::ALL {
            let case = view.case(what);
            let has = |kind: Kind| report::markdown::find(&bench.records, &case, kind.name());
            let having: Vec<_> = Kind::ALL
                .into_iter()
                .filter(|kind| has(*kind).is_some())
                .collect();
            assert_eq!(having, engines, "{case}");
        }
    }
    let goals = report::goals::list(&bench.records, &[], SIZE);
    // The first page of each, and the middle of the longest beside two engines.
    assert_eq!(goals.len(), 3 + 2);
    let table = report::markdown::table(&bench, &[]);
    assert!(table.contains("| view/half/archive | "));
    assert!(table.contains("`waiting` has "));
    assert!(table.contains("by the wide index"));
    Ok(())
}

#[test]
fn a_view_selects_a_part_of_the_inbox_and_none_of_what_other_cases_store() {
    let data = Dataset::new(100_000, 90);
    let share = |selects: &dyn Fn(&Conversation) -> bool| {
        data.conversations().filter(|one| selects(one)).count()
    };
    let of = |view: View| share(&|one| view.selects(one));
    // 15 % open of which 30 % have no assignee and 60 % wait; 15 % are urgent or high; 80 % are on the two
    // channels.
    assert!((2_500..2_900).contains(&of(View::Waiting)));
    assert!((2_100..2_400).contains(&of(View::Urgent)));
    assert!((67_000..69_000).contains(&of(View::Archive)));
    let waits = |one: &Conversation| one.waiting_since_us();
    for one in data.conversations().filter(|one| waits(one).is_some()) {
        let active = one.created_us..one.updated_us;
        assert!(waits(&one).is_some_and(|since| active.contains(&since)));
        assert_eq!(one.status, Status::Open);
    }
    // The last conversation is what it was before there were views.
    let last = data.conversation(99_999);
    assert_eq!(
        (
            last.channel,
            last.status,
            last.assignee,
            last.updated_us,
            last.messages
        ),
        (
            Channel::Whatsapp,
            Status::Resolved,
            0,
            1_743_909_904_906_596,
            18
        )
    );
}

#[test]
fn triggers_keep_what_an_expert_counts_of_views() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let data = Dataset::new(SIZE, 90);
    Kind::Sqlite
        .viewer(directory.path())
        .context("none")?
        .load(&data)?;
    let connection = rusqlite::Connection::open(directory.path().join(VIEWS_FILE))?;
    connection.execute_batch(
        "UPDATE conversation SET status = 1 - status WHERE seq % 7 = 0;
         UPDATE conversation SET assignee = 0, waiting_since = updated_at WHERE seq % 11 = 0;
         UPDATE conversation SET priority = seq % 4, updated_at = updated_at + 1 WHERE seq % 5 = 0;
         UPDATE conversation SET channel = seq % 4, created_at = created_at - seq WHERE seq % 3 = 0;
         DELETE FROM conversation WHERE seq % 13 = 0;
         INSERT INTO conversation SELECT -seq, id, contact_id, 1, 1, 0, assignee_kind, assignee_id,
             assignee_name, created_at, updated_at, priority, waiting_since
             FROM conversation WHERE seq % 17 = 0;",
    )?;
    drop(connection);
    let viewer = |kind: Kind| {
        let mut viewer = kind.viewer(directory.path()).context("none")?;
        // The file is there.
        viewer.load(&data)?;
        Ok::<_, anyhow::Error>(viewer)
    };
    let (mut live, mut kept) = (viewer(Kind::Sqlite)?, viewer(Kind::SqliteExpert)?);
    for view in View::ALL {
        let total = live.count(view)?;
        assert_eq!(kept.count(view)?, total);
        for page in 1..=page_at(1.0, total) {
            // The expert compares its ways to a page, of which counts are two.
            let [live, kept] = [live.page(view, page)?, kept.page(view, page)?];
            assert_eq!((live.total, kept.total), (total, total));
            assert_eq!(live.rows.plain()?, kept.rows.plain()?);
        }
    }
    Ok(())
}

#[test]
fn a_page_of_a_view_that_is_not_the_generators_is_refused() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let data = Dataset::new(SIZE, 90);
    let mut viewer = Kind::Sqlite.viewer(directory.path()).context("none")?;
    viewer.load(&data)?;
    let mut numbers = View::Archive.numbers(&data);
    views::check("sqlite", viewer.as_mut(), &data, View::Archive, &numbers)?;
    numbers.swap(0, 1);
    assert!(views::check("sqlite", viewer.as_mut(), &data, View::Archive, &numbers).is_err());
    Ok(())
}
