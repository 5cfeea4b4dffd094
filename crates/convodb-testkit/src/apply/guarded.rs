//! Commands that say what their giver saw.

use convodb::Result;

use super::{Commands, appended, plain_reply, replying, settle};
use crate::model::Model;
use crate::op::Op;
use crate::provided::ProviderPlan;

pub(super) fn run(commands: &mut impl Commands, model: &mut Model, op: &Op) -> Result<()> {
    match op {
        Op::AssignIf {
            conversation,
            assignee,
            expected,
        } => {
            let (id, assignee) = (model.pick(*conversation), assignee.id());
            let expected = model.seen_assignee(id, *expected);
            let mut refusals: Vec<_> = model.missing(id).into_iter().collect();
            refusals.extend(model.unknown(&assignee));
            refusals.extend(model.taken(id, &assignee, expected.as_ref()));
            let answer = commands.assign_if(id, &assignee, expected.as_ref());
            settle(model, answer, &refusals, |model, _| {
                model.assign(id, &assignee)
            })
        }
        Op::ResolveIf {
            conversation,
            revision,
        } => {
            let id = model.pick(*conversation);
            let seen = model.seen_revision(id, *revision);
            let mut refusals: Vec<_> = model.missing(id).into_iter().collect();
            refusals.extend(model.revised(id, seen));
            let answer = commands.resolve_if(id, seen);
            settle(model, answer, &refusals, |model, _| model.resolve(id))
        }
        Op::ReplyIf {
            conversation,
            revision,
            body,
            provider_id,
        } => {
            let id = model.pick(*conversation);
            let seen = model.seen_revision(id, *revision);
            let mut appending = replying(model, id, None, *body, None);
            appending.provider_id = provider_id.and_then(ProviderPlan::id);
            let mut refusals = Model::refused_message(*body, None, *provider_id);
            refusals.extend(model.missing(id));
            // One that is stored already may have moved the revision itself.
            let known = appending.provider_id.as_ref();
            if known.is_none_or(|id| model.provided(appending.channel, id).is_none()) {
                refusals.extend(model.revised(id, seen));
            }
            let reply = plain_reply(*body, *provider_id, &appending);
            let answer = commands.reply_if(id, seen, reply);
            appended(model, answer, refusals, appending)
        }
        Op::MarkRead { conversation, seen } => {
            let id = model.pick(*conversation);
            let seen = model.seen_messages(id, *seen);
            let mut refusals: Vec<_> = model.missing(id).into_iter().collect();
            refusals.extend(model.refused_mark(id, seen));
            let answer = commands.mark_read(id, seen);
            settle(model, answer, &refusals, |model, _| {
                model.mark_read(id, seen)
            })
        }
        other => panic!("{other:?} says not what its giver saw"),
    }
}
