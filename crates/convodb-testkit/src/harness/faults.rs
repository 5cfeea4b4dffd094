//! Calls of the disk that fail, each in turn, once or for good, and disks that run full: what was
//! acknowledged is there afterwards, an error never says more than is known, and the store goes
//! on when it is reopened.
//!
//! A run is held against the same workload without a fault: ids and times are set, so a commit
//! whose outcome is unknown must have left what it left there, or nothing.

mod trial;

use std::panic::{self, AssertUnwindSafe};

use convodb::{Channel, Sort};

use trial::Twin;
pub use trial::{Fault, Step, try_fault, twin};

use super::disk::Fate;
use super::report::{Breach, Progress, Report};
use crate::fixture::ops_of;
use crate::op::{Address, Body, Op, SelectionPlan, Who};
use crate::plan::Text;
use crate::probe::FilterPlan;

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    /// So many workloads, each from the creation of its file on.
    pub workloads: u64,
    /// Every so many calls one fails.
    pub step: u64,
    /// How failing calls end.
    pub fates: &'static [Fate],
}

/// How a disk may fail: having done nothing, or all of it but half of a write.
pub const FATES: &[Fate] = &[
    Fate::Refused(std::io::ErrorKind::Other),
    Fate::Half(std::io::ErrorKind::Other),
];

/// Commands at random, and each kind of work on whole files.
fn steps(seed: u64) -> Vec<Step> {
    let mut ops = ops_of(seed, 12).into_iter().map(Step::Do);
    let mut steps: Vec<Step> = ops.by_ref().take(4).collect();
    steps.push(Step::Do(Op::Compact));
    steps.extend(ops.by_ref().take(2));
    steps.extend(removal().map(Step::Do));
    steps.extend(views().map(Step::Do));
    steps.push(Step::BackUp(1));
    steps.extend(ops.by_ref().take(2));
    steps.push(Step::Do(Op::Restart));
    steps.extend(ops.by_ref().take(2));
    steps.push(Step::Repair);
    steps.extend(ops);
    steps
}

/// An assignee is removed, and its conversations are stored under its successor.
fn removal() -> [Op; 6] {
    let save = |who, name| Op::SaveAssignee {
        assignee: Who(who),
        name: Text::Short(name),
    };
    let from = Address {
        contact: 0,
        inbox: Channel::Webchat.into(),
    };
    [
        save(0, 1),
        save(1, 2),
        Op::Receive {
            from,
            body: Body::Text(Text::Short(3)),
            sent_at: None,
            provider_id: None,
            reopen: true,
            more: crate::more::More::default(),
        },
        Op::AssignAll {
            selection: SelectionPlan::First(FilterPlan::ALL, 3),
            assignee: Who(0),
        },
        Op::RemoveAssignee {
            assignee: Who(0),
            successor: Some(Who(1)),
        },
        Op::Reassign { limit: 1 },
    ]
}

/// Views are built in part, one of them anew, and one is removed whose rows go in part.
fn views() -> [Op; 8] {
    let save = |view, sort| Op::SaveView {
        view,
        name: Text::Short(view),
        filter: FilterPlan::ALL,
        sort,
    };
    let build = |limit| Op::Reassign { limit };
    [
        build(u8::MAX),
        save(0, Sort::Newest),
        build(1),
        save(1, Sort::LongestWaiting),
        build(u8::MAX),
        save(0, Sort::Priority),
        build(u8::MAX),
        build(1),
    ]
}

/// Tries every fault of every workload.
pub fn run(plan: Plan, progress: &dyn Progress) -> Report {
    let mut report = Report::new(&[
        Breach::Lost,
        Breach::Torn,
        Breach::Unopened,
        Breach::Overclaimed,
        Breach::Panicked,
    ]);
    for workload in 0..plan.workloads {
        let seed = plan.seed.wrapping_mul(1_000_003).wrapping_add(workload);
        let twin = twin(steps(seed));
        let faults = faults(&twin, &plan);
        for (number, fault) in faults.iter().enumerate() {
            let what = match fault {
                Fault::Full { .. } => "full disks",
                _ => "failing calls",
            };
            report.tried(what, 1);
            let tried = panic::catch_unwind(AssertUnwindSafe(|| try_fault(&twin, *fault)));
            let found = match tried {
                Ok(Ok(())) => None,
                Ok(Err(finding)) => Some(finding),
                Err(_) => Some((Breach::Panicked, String::new())),
            };
            if let Some((breach, what)) = found {
                let of = format!("of seed {}, workload {workload}, {fault:?}", plan.seed);
                report.found(breach, || format!("{what}\n  {of}"));
            }
            let done = workload * faults.len() as u64 + number as u64 + 1;
            progress.at(done, plan.workloads * faults.len() as u64);
        }
    }
    report
}

fn faults(twin: &Twin, plan: &Plan) -> Vec<Fault> {
    const PAGE: u64 = 4096;
    let mut faults = Vec::new();
    for number in (0..twin.calls).step_by(plan.step as usize) {
        for fate in plan.fates {
            for lasts in [false, true] {
                let fate = *fate;
                faults.push(Fault::Call {
                    number,
                    lasts,
                    fate,
                });
            }
        }
    }
    let sizes = (0..2 * twin.bytes).step_by((PAGE * plan.step) as usize);
    faults.extend(sizes.map(|bytes| Fault::Full { bytes }));
    faults
}
