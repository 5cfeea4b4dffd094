//! Random operations on a workspace, and a naive model beside it.

use convodb::Channel;
use convodb::testing::ManualClock;
use convodb_postgres::Numbering;
use convodb_testkit::apply::apply;
use convodb_testkit::compare;
use convodb_testkit::fixture::{clock, crowd, work_off};
use convodb_testkit::model::Model;
use convodb_testkit::more::More;
use convodb_testkit::op::{Address, Body, InboxPick, Op};
use convodb_testkit::plan::Text;
use convodb_testkit::postgres::is_installed;
use convodb_testkit::strategy::{self, Step, Steps, cases, views};
use proptest::prelude::*;

use crate::backend::{Pg, block_on};
use crate::store::{Snapshot, Store};

fn steps(most: usize) -> impl Strategy<Value = Steps> {
    strategy::steps(most, 12)
}

fn begin(store: &Pg, model: &mut Model, views: &[Op]) {
    for op in views {
        apply(store, model, op).unwrap();
    }
    work_off(store, model);
}

/// Goes on from what the store and the model hold already.
fn run_from(mut model: Model, store: &Pg, Steps(steps): &Steps) {
    let mut snapshot: Option<(Snapshot, Model)> = None;
    for step in steps {
        match step {
            Step::Do(op) => apply(store, &mut model, op).unwrap(),
            Step::Ask(probe) => {
                compare::ask(store, &model, probe);
                if let Some((snapshot, then)) = &snapshot {
                    compare::ask(snapshot, then, probe);
                }
            }
            Step::Hold => {
                let taken = Store(store.source()).snapshot().unwrap();
                snapshot = Some((taken, model.clone()));
            }
            Step::Repair => {
                assert!(block_on(store.store().repair()).unwrap().is_clean());
                model.repair();
            }
        }
    }
    if let Some((snapshot, then)) = &snapshot {
        compare::everything(snapshot, then);
    }
    compare::everything(store, &model);
    compare::sound(store, &model);
    // Whatever was left to be built.
    work_off(store, &mut model);
    compare::everything(store, &model);
    compare::sound(store, &model);
}

fn new(numbering: Numbering) -> (ManualClock, Pg, Model) {
    let clock = clock();
    let store = Pg::new(&clock, numbering);
    let model = Model::new(&clock);
    (clock, store, model)
}

#[test]
fn a_repair_goes_on_from_the_times_that_the_one_before_gave() {
    if !is_installed() {
        return;
    }
    let receive = || {
        Step::Do(Op::Receive {
            from: Address {
                contact: 0,
                inbox: InboxPick::Own(Channel::Whatsapp),
            },
            body: Body::Text(Text::Short(0)),
            sent_at: None,
            provider_id: None,
            reopen: true,
            more: More::default(),
        })
    };
    let back = Step::Do(Op::MoveClock {
        micros: -7_200_000_000,
    });
    let steps = vec![
        receive(),
        receive(),
        receive(),
        back,
        Step::Repair,
        Step::Repair,
    ];
    let steps = Steps(steps);
    for numbering in [Numbering::Head, Numbering::Settled] {
        let (_clock, store, model) = new(numbering);
        run_from(model, &store, &steps);
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn a_workspace_reads_as_the_model(views in views(), steps in steps(60)) {
        if is_installed() {
            let (_clock, store, mut model) = new(Numbering::Head);
            begin(&store, &mut model, &views);
            run_from(model, &store, &steps);
        }
    }
}

proptest! {
    #![proptest_config(cases(6))]

    #[test]
    fn a_workspace_with_settled_events_reads_as_the_model(views in views(), steps in steps(60)) {
        if is_installed() {
            let (_clock, store, mut model) = new(Numbering::Settled);
            begin(&store, &mut model, &views);
            run_from(model, &store, &steps);
        }
    }
}

proptest! {
    #![proptest_config(cases(3))]

    #[test]
    fn a_workspace_of_many_conversations_reads_as_the_model(
        count in 0..600_u16,
        early in views(),
        late in views(),
        steps in steps(20),
    ) {
        if is_installed() {
            let (_clock, store, mut model) = new(Numbering::Head);
            begin(&store, &mut model, &early);
            crowd(&store, &mut model, count);
            begin(&store, &mut model, &late);
            run_from(model, &store, &steps);
        }
    }
}
