//! Commands on many conversations, and what gives up receipts and keys by their age.

use std::time::Duration;

use convodb::{Conversation, ConversationId, Each, Outcome, Result, Targets};

use super::{Commands, settle};
use crate::keys::{EachOf, Told};
use crate::model::Model;
use crate::op::{Op, TargetsPlan};
use crate::verdict::Expected;

pub(super) fn run(commands: &mut impl Commands, model: &mut Model, op: &Op) -> Result<()> {
    match op {
        Op::AssignAll { targets, assignee } => {
            let (ids, assignee) = (model.pick_all(targets), assignee.id());
            let refusals: Vec<_> = model.unknown(&assignee).into_iter().collect();
            let targets = build(targets, &ids);
            let answer = each(commands.assign_all(&targets, &assignee));
            settle(model, answer, &refusals, |model, _| {
                model.assign_all(&ids, &assignee)
            })
        }
        Op::ResolveAll { targets } => {
            let ids = model.pick_all(targets);
            let targets = build(targets, &ids);
            let answer = each(commands.resolve_all(&targets));
            settle(model, answer, &[], |model, _| model.resolve_all(&ids))
        }
        Op::PurgeParked { older_ms } => {
            let answer = commands.purge_parked(age(*older_ms));
            settle(model, answer, &[], |model, _| model.purge_parked(*older_ms))
        }
        Op::PurgeKeys { older_ms } => {
            // It takes no key.
            model.key = None;
            let answer = commands.purge_idempotency_keys(age(*older_ms));
            settle(model, answer, &[], |model, purged| {
                model.purge_keys(*older_ms, *purged)
            })
        }
        other => panic!("{other:?} is not about many"),
    }
}

fn age(older_ms: u32) -> Duration {
    Duration::from_millis(older_ms.into())
}

fn build(plan: &TargetsPlan, ids: &[ConversationId]) -> Targets {
    match plan {
        TargetsPlan::Ids(_) => Targets::ids(ids.iter().copied()),
        TargetsPlan::First(filter, limit) => Targets::first(&filter.filter(), *limit),
    }
    .unwrap()
}

/// The answers as values that compare. Each is of the commit of all.
fn each(Told { command, answer }: Told<Each>) -> Told<Vec<EachOf>> {
    let answer = answer.map(|(all, sequence)| {
        let one = |(id, one): (ConversationId, Result<Outcome<Conversation>>)| {
            let one = one.map(|one| {
                assert_eq!(one.sequence, sequence, "the commit of {id}");
                Expected::from(one)
            });
            (id, one.map_err(|error| error.kind()))
        };
        let all = Expected {
            changed: all.changed,
            created: all.created,
            reopened: all.reopened,
            duplicate: all.duplicate,
            value: all.value.into_iter().map(one).collect(),
        };
        (all, sequence)
    });
    Told { command, answer }
}
