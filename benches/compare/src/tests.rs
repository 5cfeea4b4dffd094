//! The harness itself: data, checks and figures.

use std::cell::Cell;
use std::collections::HashSet;

use anyhow::Result;
use convodb::{Channel, Status};

use crate::check;
use crate::commands::Commands;
use crate::data::Dataset;
use crate::engine::{Command, Kind};
use crate::measure::Figure;
use crate::plan::{Place, Plan, page_at};

const SIZE: u32 = 2_000;

#[test]
fn every_engine_answers_what_the_generator_says_and_runs_commands_alike() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let data = Dataset::new(SIZE, 90);
    let plan = Plan::new(&data)?;
    let mut commands = Commands::new(&data);
    let written: Vec<Command> = ["append/1", "assign/1", "resolve/1"]
        .into_iter()
        .flat_map(|case| commands.next(case).into_iter().take(3).collect::<Vec<_>>())
        .collect();
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
        let after = check::Aftermath::of(engine.as_mut(), commands.touched())?;
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

#[test]
fn a_figure_is_the_median_with_its_spread() {
    let mut samples: Vec<f64> = (0..1_000).rev().map(f64::from).collect();
    let figure = Figure::of(&mut samples).map(|f| (f.min, f.median, f.p99));
    assert_eq!(figure, Some((0.0, 500.0, 990.0)));
    assert!(Figure::of(&mut []).is_none());
}
