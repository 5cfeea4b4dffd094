//! The store beside a model that is too simple to be wrong: whatever is done to both, in whatever
//! order, both read the same.

use chrono::{DateTime, Utc};
use convodb::prelude::*;
use convodb::{ErrorKind, Filter, Snapshot};
use proptest::prelude::*;

use convodb_testkit::apply::apply;
use convodb_testkit::compare;
use convodb_testkit::fixture::{clock, crowd, options, work_off};
use convodb_testkit::model::Model;
use convodb_testkit::op::Op;
use convodb_testkit::strategy::{self, Step, Steps, cases, ops, views};

fn steps(most: usize) -> impl Strategy<Value = Steps> {
    strategy::steps(most, 8)
}

/// A snapshot that a reopening or a compaction has ended says so.
fn ended(snapshots: &mut Vec<(Snapshot, Model)>) {
    for (snapshot, _) in snapshots.drain(..) {
        let error = snapshot.count(&Filter::all()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SnapshotExpired);
    }
}

/// Begins with some views, whose lists are complete.
fn begin(store: &Store, model: &mut Model, views: &[Op]) {
    for op in views {
        apply(store, model, op).unwrap();
    }
    work_off(store, model);
}

/// Goes on from what the store and the model hold already.
fn run_from(mut model: Model, store: &Store, Steps(steps): &Steps) -> Model {
    let mut snapshots: Vec<(Snapshot, Model)> = Vec::new();
    for step in steps {
        match step {
            Step::Do(op) => {
                apply(store, &mut model, op).unwrap();
                if op.ends_snapshots() {
                    ended(&mut snapshots);
                }
            }
            Step::Ask(probe) => {
                compare::ask(store, &model, probe);
                for (snapshot, then) in &snapshots {
                    compare::ask(snapshot, then, probe);
                }
            }
            Step::Hold => snapshots.push((store.snapshot().unwrap(), model.clone())),
            Step::Repair => {
                snapshots.clear();
                assert!(store.repair().unwrap().is_clean());
                model.repair();
            }
        }
    }
    for (snapshot, then) in &snapshots {
        compare::everything(snapshot, then);
    }
    compare::everything(store, &model);
    compare::sound(store, &model);
    // Whatever was left to be built.
    work_off(store, &mut model);
    compare::everything(store, &model);
    compare::sound(store, &model);
    model
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn a_store_in_memory_reads_as_the_model(views in views(), steps in steps(80)) {
        let clock = clock();
        let store = options(&clock).open_in_memory().unwrap();
        let mut model = Model::new(&clock);
        begin(&store, &mut model, &views);
        let model = run_from(model, &store, &steps);
        compare::exported(&store, &model);
    }
}

proptest! {
    #![proptest_config(cases(6))]

    #[test]
    fn a_store_of_many_conversations_reads_as_the_model(
        count in 0..600_u16,
        early in views(),
        late in views(),
        steps in steps(30),
    ) {
        let clock = clock();
        let store = options(&clock).open_in_memory().unwrap();
        let mut model = Model::new(&clock);
        begin(&store, &mut model, &early);
        crowd(&store, &mut model, count);
        begin(&store, &mut model, &late);
        run_from(model, &store, &steps);
    }

    #[test]
    fn a_store_in_a_file_reads_as_the_model_and_does_so_when_opened_again(
        views in views(),
        steps in steps(40),
        more in ops(10),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("inbox.redb");
        let clock = clock();
        let store = options(&clock).open(&path).unwrap();
        let mut model = Model::new(&clock);
        begin(&store, &mut model, &views);
        let mut model = run_from(model, &store, &steps);
        // The clock is corrected over the restart.
        let corrected: DateTime<Utc> = "2025-01-01T00:00:00Z".parse().unwrap();
        let micros = (corrected - clock.get()).num_microseconds().unwrap();
        apply(&store, &mut model, &Op::MoveClock { micros }).unwrap();
        store.close().unwrap();

        let store = options(&clock).create(false).open(&path).unwrap();
        compare::everything(&store, &model);
        for op in &more {
            apply(&store, &mut model, op).unwrap();
        }
        compare::everything(&store, &model);
        compare::sound(&store, &model);
    }
}
