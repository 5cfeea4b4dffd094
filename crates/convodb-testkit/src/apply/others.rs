//! Commands about many conversations or none: the directory, consumers, bulk commands and purges.

use std::time::Duration;

use convodb::commands::{
    Acknowledge, AddConsumer, AssignAll, DeleteResolved, Identify, MergeContacts, PurgeEvents,
    PurgeIdempotencyKeys, PurgeUnmatched, RemoveAssignee, RemoveConsumer, RemoveView, ResolveAll,
    SaveAssignee, SaveContact, SaveInbox, SaveTeam, SaveView, WakeDue,
};
use convodb::{Channel, ConversationId, EventSeq, Filter, Result, Selection};

use super::call::{Answered, Call, fingerprint};
use crate::backend::Commands;
use crate::contacts::IdentifyPlan;
use crate::events;
use crate::model::Model;
use crate::op::{InboxPick, Op, SelectionPlan, Who};
use crate::plan::is_blank;
use crate::verdict::Refusal;
use crate::views::{ViewPlan, view_id};

pub(super) fn direct(call: &mut Call<'_, impl Commands>, op: &Op) -> Result<()> {
    match op {
        Op::SaveAssignee { assignee, name } => {
            let (id, name) = (assignee.id(), name.string());
            let bad = is_blank(&name) || name.len() > 256;
            let refusals = bad.then(|| Refusal::invalid("name")).into_iter().collect();
            let command = SaveAssignee {
                assignee: id.clone(),
                name: name.clone(),
            };
            call.settle(None, refusals, command, |model| {
                model.save_assignee(&id, name.clone())
            })
        }
        Op::SaveTeam {
            team,
            name,
            members,
        } => {
            let (team, name) = (team.id(), name.string());
            let members: Option<Vec<_>> = members.map(|bits| Who::users(bits).collect());
            let bad = is_blank(&name) || name.len() > 256;
            let bad = bad.then(|| Refusal::invalid("name"));
            let given = members.as_deref().unwrap_or_default();
            let refusals = bad.into_iter().chain(call.model.refused_members(given));
            let command = SaveTeam {
                team: team.clone(),
                name: name.clone(),
                members: members.clone(),
            };
            call.settle(None, refusals.collect(), command, |model| {
                model.save_team(&team, name.clone(), members.clone())
            })
        }
        Op::SaveInbox {
            inbox,
            elsewhere,
            name,
        } => {
            let (pick, name) = (InboxPick::Saved(*inbox), name.string());
            let is_moved = *elsewhere && call.model.has_inbox(pick);
            let bad_name = is_blank(&name) || name.len() > 256;
            let refusals = [
                bad_name.then(|| Refusal::invalid("name")),
                is_moved.then(|| Refusal::invalid("channel")),
            ];
            let command = SaveInbox {
                inbox: pick.id().expect("it can be saved"),
                channel: match is_moved {
                    true => Channel::Instagram,
                    false => pick.channel(),
                },
                name: name.clone(),
            };
            let refusals = refusals.into_iter().flatten().collect();
            call.settle(None, refusals, command, |model| {
                model.save_inbox(pick, name.clone())
            })
        }
        Op::RemoveAssignee {
            assignee,
            successor,
        } => {
            let (id, successor) = (assignee.id(), successor.map(Who::id));
            let refusals = call.model.refused_removal(&id, successor.as_ref());
            let command = RemoveAssignee {
                assignee: id.clone(),
                successor: successor.clone(),
            };
            call.settle(None, refusals, command, |model| {
                model.remove_assignee(&id, successor.as_ref())
            })
        }
        other => panic!("{other:?} is about no user or team"),
    }
}

pub(super) fn view(call: &mut Call<'_, impl Commands>, op: &Op) -> Result<()> {
    match op {
        Op::SaveView {
            view,
            name,
            filter,
            sort,
        } => {
            let id = view_id(*view);
            let plan = ViewPlan {
                name: name.string(),
                filter: *filter,
                sort: *sort,
            };
            let refusals = call.model.refused_view(&id, &plan);
            let command = SaveView {
                view: id.clone(),
                name: plan.name.clone(),
                filter: filter.filter(),
                sort: *sort,
            };
            call.settle(None, refusals, command, |model| {
                model.save_view(&id, plan.clone())
            })
        }
        Op::RemoveView { view } => {
            let id = view_id(*view);
            let refusals = call.model.refused_view_removal(&id).into_iter().collect();
            let command = RemoveView { view: id.clone() };
            call.settle(None, refusals, command, |model| model.remove_view(&id))
        }
        other => panic!("{other:?} is about no view"),
    }
}

pub(super) fn contact(call: &mut Call<'_, impl Commands>, op: &Op) -> Result<()> {
    match op {
        Op::SaveContact { contact, plan } => {
            let contact = call.model.pick_contact(*contact);
            let command = SaveContact {
                contact: contact.clone(),
                changes: plan.changes(),
            };
            call.settle(None, plan.flaws(), command, |model| {
                model.save_contact(&contact, *plan)
            })
        }
        Op::Identify(plan) => identify(call, *plan),
        Op::MergeContacts { from, into } => {
            let [from, into] = [from, into].map(|pick| call.model.pick_contact(*pick));
            let refusals = call.model.refused_merge(&from, &into);
            let command = MergeContacts {
                from: from.clone(),
                into: into.clone(),
            };
            call.settle(None, refusals, command, |model| {
                model.merge_contacts(&from, &into)
            })
        }
        other => panic!("{other:?} is about no contact"),
    }
}

fn identify(call: &mut Call<'_, impl Commands>, plan: IdentifyPlan) -> Result<()> {
    let called = plan.called();
    let identities = called.identities(plan.channel);
    let named = plan.contact.map(|pick| call.model.pick_contact(pick));
    let who = match &named {
        Some(contact) => convodb::Who::with_identities(contact, called.texts()),
        None => convodb::Who::identities(called.texts()),
    };
    let made = match identities.first() {
        Some(identity) => call.commands.contact_of(identity)?,
        // It is refused.
        None => crate::op::contact(0),
    };
    let id = call.model.caller(named, &identities, Some(made));
    let refusals = call.model.refused_identities(plan, &id, &identities);
    let mut command = Identify::new(who, plan.channel).changes(plan.plan.changes());
    if plan.merge {
        command = command.merge();
    }
    call.settle(None, refusals, command, |model| {
        model.identify(plan, &id, &identities)
    })
}

pub(super) fn consume(call: &mut Call<'_, impl Commands>, op: &Op) -> Result<()> {
    match op {
        Op::AddConsumer { consumer, start } => {
            let name = events::consumer(*consumer);
            let refusals = call
                .model
                .refused_start(&name, *start)
                .into_iter()
                .collect();
            let command = AddConsumer {
                name: name.clone(),
                start: *start,
            };
            call.settle(None, refusals, command, |model| {
                model.add_consumer(&name, *start)
            })
        }
        Op::Acknowledge { consumer, ahead } => {
            let name = events::consumer(*consumer);
            let position = call.model.position(&name).map_or(0, EventSeq::get);
            let up_to = EventSeq::new((position + u64::from(*ahead)).saturating_sub(2));
            let refusals = call.model.refused_acknowledgement(&name, up_to);
            let command = Acknowledge {
                consumer: name.clone(),
                up_to,
            };
            call.settle(None, refusals, command, |model| {
                model.acknowledge(&name, up_to)
            })
        }
        Op::RemoveConsumer { consumer } => {
            let name = events::consumer(*consumer);
            let refusals = call.model.unknown_consumer(&name).into_iter().collect();
            let command = RemoveConsumer { name: name.clone() };
            call.settle(None, refusals, command, |model| {
                model.remove_consumer(&name)
            })
        }
        other => panic!("{other:?} is about no consumer"),
    }
}

pub(super) fn bulk(call: &mut Call<'_, impl Commands>, op: &Op) -> Result<()> {
    match op {
        Op::AssignAll {
            selection,
            assignee,
        } => {
            let (ids, assignee) = (call.model.pick_all(selection), assignee.id());
            let mut refusals = call.model.refused_selection(selection);
            refusals.extend(call.model.unknown(&assignee));
            let answer = call.give(AssignAll {
                selection: build(selection, &ids),
                assignee: assignee.clone(),
            });
            call.compare(answer.each(), &refusals, |model, _| {
                model.assign_all(&ids, &assignee)
            })
        }
        Op::ResolveAll { selection } => {
            let ids = call.model.pick_all(selection);
            let refusals = call.model.refused_selection(selection);
            let selection = build(selection, &ids);
            let answer = call.give(ResolveAll { selection });
            call.compare(answer.each(), &refusals, |model, _| model.resolve_all(&ids))
        }
        other => panic!("{other:?} is not about many"),
    }
}

fn build(plan: &SelectionPlan, ids: &[ConversationId]) -> Selection {
    match plan {
        SelectionPlan::Ids(_) => Selection::ids(ids.iter().copied()),
        SelectionPlan::First(filter, limit) => Selection::first(&filter.filter(), *limit),
        SelectionPlan::OfView(view, limit) => {
            Selection::first(&Filter::view(view_id(*view)), *limit)
        }
    }
    .unwrap()
}

pub(super) fn purge(call: &mut Call<'_, impl Commands>, op: &Op) -> Result<()> {
    match op {
        Op::WakeDue => call.settle(None, Vec::new(), WakeDue, Model::wake_due),
        Op::PurgeUnmatched { older_ms, most } => {
            let command = PurgeUnmatched {
                older_than: age(*older_ms),
                most: u64::from(*most),
            };
            call.settle(None, Vec::new(), command, |model| {
                model.purge_unmatched(*older_ms, *most)
            })
        }
        Op::DeleteResolved { older_ms, limit } => {
            let command = DeleteResolved {
                older_than: age(*older_ms),
                limit: u32::from(*limit),
            };
            call.settle(None, Vec::new(), command, |model| {
                model.delete_resolved(*older_ms, *limit)
            })
        }
        Op::PurgeKeys { older_ms } => {
            let older_than = age(*older_ms);
            let answer = call.give(PurgeIdempotencyKeys { older_than });
            call.compare(answer, &[], |model, purged| {
                model.purge_keys(*older_ms, *purged)
            })
        }
        Op::PurgeEvents(plan) => {
            let retention = plan.retention();
            let limit = u64::MAX;
            let fingerprint = fingerprint(&PurgeEvents { retention, limit });
            let outcome = call.commands.purge_events(&call.context, retention);
            let answer = Answered::new(fingerprint, outcome);
            call.compare(answer, &[], |model, _| model.purge(*plan))
        }
        other => panic!("{other:?} purges nothing"),
    }
}

fn age(older_ms: u32) -> Duration {
    Duration::from_millis(older_ms.into())
}
