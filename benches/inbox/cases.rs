//! The filters that are measured, and a naive selection of conversations by them.

use std::cmp::Reverse;

use convodb::{Channel, Conversation, Filter, Status, StatusFilter};

use crate::generate::{team, user};

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) filter: Filter,
}

/// From one index partition to sixteen. The user is the one with the most conversations.
pub(crate) fn all() -> Vec<Case> {
    let case = |name, filter| Case { name, filter };
    let agent = Filter::open()
        .unassigned()
        .assigned_to(user(0))
        .assigned_to(team(0))
        .assigned_to(team(1));
    vec![
        case("open", Filter::open()),
        case("open+channel", Filter::open().channel(Channel::Whatsapp)),
        case(
            "resolved+channel",
            Filter::resolved().channel(Channel::Whatsapp),
        ),
        case("user", Filter::open().assigned_to(user(0))),
        case(
            "user+channel",
            Filter::open()
                .assigned_to(user(0))
                .channel(Channel::Whatsapp),
        ),
        case("all", Filter::all()),
        case("agent", agent),
    ]
}

/// Both statuses, or one.
pub(crate) fn statuses(filter: &Filter) -> Vec<Status> {
    match filter.status() {
        StatusFilter::Open => vec![Status::Open],
        StatusFilter::Resolved => vec![Status::Resolved],
        StatusFilter::All => Status::ALL.to_vec(),
    }
}

/// The channels that a filter selects.
pub(crate) fn channels(filter: &Filter) -> Vec<Channel> {
    let chosen: Vec<_> = filter.channels().collect();
    if chosen.is_empty() {
        Channel::ALL.to_vec()
    } else {
        chosen
    }
}

fn selects(filter: &Filter, conversation: &Conversation) -> bool {
    let any_assignee = !filter.includes_unassigned() && filter.assignees().next().is_none();
    let assigned = match &conversation.assigned_to {
        None => filter.includes_unassigned(),
        Some(assignee) => filter.assignees().any(|id| *id == assignee.id),
    };
    statuses(filter).contains(&conversation.status)
        && channels(filter).contains(&conversation.channel)
        && (any_assignee || assigned)
}

/// Every conversation that a filter selects, in the order of the list.
pub(crate) fn selected(filter: &Filter, conversations: &[Conversation]) -> Vec<Conversation> {
    let mut selected: Vec<Conversation> = conversations
        .iter()
        .filter(|conversation| selects(filter, conversation))
        .cloned()
        .collect();
    selected.sort_by_key(|conversation| Reverse((conversation.updated_at, conversation.id)));
    selected
}
