//! An operation done to a backend and to the model, and the two answers held together.

mod about;
mod call;
mod conversations;
mod messages;
mod others;

use chrono::TimeDelta;
use convodb::{Context, Error, Precondition, Result, Revision};

pub use self::about::About;
use self::call::{Call, permitted};
use super::backend::{Backend, Commands};
use super::compare;
use super::lines;
use super::model::Model;
use super::op::{Condition, Op, Pick};
use super::plan::ImportPlan;

/// Why a transaction of a harness did not commit.
enum Ended {
    RolledBack,
    Failed(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Does an operation to both, and panics where the backend answers otherwise than the model.
///
/// A failure that no rule demands, as that of a disk, is returned; the model is then as before.
pub fn apply(backend: &impl Backend, model: &mut Model, op: &Op) -> Result<()> {
    match op {
        Op::Restart => backend.restart(),
        Op::Compact => backend.compact(),
        Op::Reassign { limit } => reassign(backend, model, *limit),
        Op::Transaction { ops, reads, commit } => {
            transaction(backend, model, ops, (*reads, *commit))
        }
        Op::ImportAll(plans) => import_all(backend, model, plans),
        Op::ImportLines(plans) => lines::import(backend, model, plans),
        op => command(backend, model, op),
    }
}

/// Does a command to both, as a commit of its own.
pub fn command(commands: &impl Commands, model: &mut Model, op: &Op) -> Result<()> {
    let mut draft = model.clone();
    run(commands, &mut draft, op)?;
    model.commit(draft);
    Ok(())
}

fn transaction(
    backend: &impl Backend,
    model: &mut Model,
    ops: &[Op],
    (reads, commit): (bool, bool),
) -> Result<()> {
    let mut draft = model.clone();
    let ended = backend.transaction(|tx| {
        for op in ops {
            // The purge of a correction would be rolled back, and the clock would not.
            let meant = draft.meant(op);
            if meant.is_some_and(|op| op.clock_step().is_some_and(i64::is_negative)) {
                continue;
            }
            run(tx, &mut draft, op)?;
            if reads {
                compare::within(tx, &draft)?;
            }
        }
        compare::within(tx, &draft)?;
        if commit {
            Ok(())
        } else {
            Err(Ended::RolledBack)
        }
    });
    match ended {
        Ok(()) => {
            model.commit(draft);
            Ok(())
        }
        Err(Ended::RolledBack) => Ok(()),
        Err(Ended::Failed(error)) => Err(error),
    }
}

fn import_all(backend: &impl Backend, model: &mut Model, plans: &[ImportPlan]) -> Result<()> {
    let mut draft = model.clone();
    draft.read_clock();
    let clock = draft.clock.get();
    let imports: Vec<_> = plans.iter().map(|plan| plan.build(clock)).collect();
    let mut refusals = Vec::new();
    for (index, (import, flaw)) in imports.iter().enumerate() {
        let of_one = draft.refused_import(import, flaw.clone());
        refusals.extend(of_one.into_iter().map(|one| one.within(index)));
        if !refusals.is_empty() {
            break;
        }
        draft.import(import.clone());
    }
    let imports = imports.into_iter().map(|(import, _)| import).collect();
    if let Some(imported) = permitted(backend.import_all(imports), &refusals)? {
        assert_eq!(imported, plans.len() as u64, "imported");
        model.commit(draft);
    }
    Ok(())
}

fn reassign(backend: &impl Backend, model: &mut Model, limit: u8) -> Result<()> {
    let mut draft = model.clone();
    draft.read_clock();
    let reassigned = backend.reassign(limit.into())?;
    draft.reassign(&reassigned, limit);
    if reassigned.is_empty() {
        draft.build_views(limit);
    }
    model.commit(draft);
    Ok(())
}

/// One command. Anything else was taken care of above.
fn run(commands: &impl Commands, model: &mut Model, op: &Op) -> Result<()> {
    let Some(op) = model.meant(op) else {
        return Ok(());
    };
    let context = op.context();
    let done = run_in(commands, model, &op, context, &[]);
    // What is no command took none of them.
    (model.key, model.actor) = (None, None);
    done
}

/// A command, within what its context comes from.
fn run_in(
    commands: &impl Commands,
    model: &mut Model,
    op: &Op,
    context: Context,
    preconditions: &[Precondition],
) -> Result<()> {
    match op {
        Op::Keyed { key, op: inner } => {
            model.give(*key, inner);
            run_in(commands, model, inner, context, preconditions)
        }
        Op::By { actor, op } => {
            // The outer one is the command's.
            model.actor.get_or_insert_with(|| actor.actor());
            run_in(commands, model, op, context, preconditions)
        }
        Op::Conditional {
            conversation,
            conditions,
            op,
        } => {
            let seen = |condition| precondition(model, *conversation, condition);
            let own = conditions.iter().map(|one| seen(*one));
            let all: Vec<_> = preconditions.iter().cloned().chain(own).collect();
            run_in(commands, model, op, context, &all)
        }
        Op::MoveClock { micros } => {
            let moved = model.clock.get() + TimeDelta::microseconds(*micros);
            if model.is_correction(moved) {
                // Of the keys that expired by the wrong clock, the store may have forgotten any.
                (model.key, model.actor) = (None, None);
                let older_ms = u32::try_from(model.key_age.num_milliseconds()).unwrap_or(u32::MAX);
                let purge = Op::PurgeKeys { older_ms };
                run_in(commands, model, &purge, Context::new(), &[])?;
            }
            model.clock.set(moved);
            Ok(())
        }
        op => {
            model.read_clock();
            let all = preconditions.iter().cloned();
            let call = Call {
                commands,
                model,
                context: all.fold(context, Context::precondition),
                preconditions: preconditions.to_vec(),
                is_conditional: op.is_conditional(),
            };
            give(call, op)
        }
    }
}

/// A precondition that the giver of a command takes from what it saw of a conversation.
fn precondition(model: &Model, conversation: Pick, condition: Condition) -> Precondition {
    let id = model.pick(conversation);
    match condition {
        Condition::Revision(sight) => {
            Precondition::Revision(Revision::new(model.seen_revision(id, sight)))
        }
        Condition::Assignee(sight) => Precondition::Assignee(model.seen_assignee(id, sight)),
        Condition::Status(sight) => Precondition::Status(model.seen_status(id, sight)),
    }
}

fn give(mut call: Call<'_, impl Commands>, op: &Op) -> Result<()> {
    match op {
        Op::Receive { .. } | Op::Send { .. } | Op::Reply { .. } => messages::append(&mut call, op),
        Op::RecordDelivery { .. }
        | Op::SetProviderId { .. }
        | Op::Change { .. }
        | Op::Watermark { .. } => messages::annotate(&mut call, op),
        Op::Assign { .. }
        | Op::Unassign { .. }
        | Op::Claim { .. }
        | Op::AddNote { .. }
        | Op::Delete { .. }
        | Op::EraseContact { .. } => conversations::run(&mut call, op),
        Op::About {
            conversation,
            about,
        } => {
            let id = call.model.pick(*conversation);
            about::run(&mut call, id, *about)
        }
        Op::SaveContact { .. } | Op::Identify(_) | Op::MergeContacts { .. } => {
            others::contact(&mut call, op)
        }
        Op::SaveAssignee { .. }
        | Op::SaveTeam { .. }
        | Op::SaveInbox { .. }
        | Op::RemoveAssignee { .. } => others::direct(&mut call, op),
        Op::SaveView { .. } | Op::RemoveView { .. } => others::view(&mut call, op),
        Op::AddConsumer { .. } | Op::Acknowledge { .. } | Op::RemoveConsumer { .. } => {
            others::consume(&mut call, op)
        }
        Op::AssignAll { .. } | Op::ResolveAll { .. } => others::bulk(&mut call, op),
        Op::WakeDue
        | Op::DeleteResolved { .. }
        | Op::PurgeUnmatched { .. }
        | Op::PurgeKeys { .. }
        | Op::PurgeEvents(_) => others::purge(&mut call, op),
        Op::Import(plan) => {
            let (import, flaw) = plan.build(call.model.clock.get());
            let refusals = call.model.refused_import(&import, flaw);
            call.settle(None, refusals, import.clone(), move |model| {
                model.import(import.clone())
            })
        }
        other => panic!("{other:?} is no command"),
    }
}
