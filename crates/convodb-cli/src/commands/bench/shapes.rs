//! The filters that are measured, with the assignees of the file.

use convodb::prelude::*;
use convodb::{AssigneeId, AssigneeKind, Channel, Filter, Snapshot, StatusFilter};

use crate::failure::Failure;

/// A filter with its name.
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) filter: Filter,
    /// Whether it is one of the few in the chart.
    pub(super) drawn: bool,
}

/// The assignees of a filter; without any, all.
struct Assignees {
    name: &'static str,
    ids: Vec<AssigneeId>,
    unassigned: bool,
}

/// Every combination that selects a conversation.
pub(super) fn every(snapshot: &Snapshot) -> Result<Vec<Shape>, Failure> {
    let busiest = busiest_channel(snapshot)?;
    let assignees = assignees(snapshot)?;
    let mut shapes = Vec::new();
    for status in [
        StatusFilter::Open,
        StatusFilter::Resolved,
        StatusFilter::All,
    ] {
        for channel in [None, Some(busiest)] {
            for assignees in &assignees {
                for unread in [false, true] {
                    let shape = shape(status, channel, assignees, unread);
                    // An empty list is measured for an empty store only.
                    if snapshot.count(&shape.filter)? > 0 || shapes.is_empty() {
                        shapes.push(shape);
                    }
                }
            }
        }
    }
    Ok(shapes)
}

fn shape(
    status: StatusFilter,
    channel: Option<Channel>,
    assignees: &Assignees,
    unread: bool,
) -> Shape {
    let mut name = status.to_string();
    let mut filter = Filter::new(status);
    if let Some(channel) = channel {
        name += &format!(" {channel}");
        filter = filter.channel(channel);
    }
    if !assignees.name.is_empty() {
        name += &format!(" {}", assignees.name);
    }
    for id in &assignees.ids {
        filter = filter.assigned_to(id);
    }
    if assignees.unassigned {
        filter = filter.unassigned();
    }
    if unread {
        name += " unread";
        filter = filter.unread();
    }
    let drawn = !unread
        && match (status, channel) {
            (_, None) => assignees.name.is_empty() || is_agent_view(status, assignees),
            (StatusFilter::Resolved, Some(_)) => assignees.name.is_empty(),
            _ => false,
        };
    Shape {
        name,
        filter,
        drawn,
    }
}

/// The view of an agent: the open conversations of the agent and the team, and the unassigned ones.
fn is_agent_view(status: StatusFilter, assignees: &Assignees) -> bool {
    status == StatusFilter::Open && assignees.unassigned && !assignees.ids.is_empty()
}

fn busiest_channel(snapshot: &Snapshot) -> Result<Channel, Failure> {
    let on = |channel| Filter::all().channel(channel);
    let counts = snapshot.counts(&Channel::ALL.map(on))?;
    // Of equals the first.
    let busiest = Channel::ALL.into_iter().zip(counts).rev();
    let busiest = busiest.max_by_key(|(_, count)| *count);
    Ok(busiest.map_or(Channel::Whatsapp, |(channel, _)| channel))
}

fn assignees(snapshot: &Snapshot) -> Result<Vec<Assignees>, Failure> {
    let user = busiest_assignee(snapshot, AssigneeKind::User)?;
    let team = busiest_assignee(snapshot, AssigneeKind::Team)?;
    let agents: Vec<_> = user.iter().chain(&team).cloned().collect();
    let mut assignees = vec![
        Assignees {
            name: "",
            ids: Vec::new(),
            unassigned: false,
        },
        Assignees {
            name: "unassigned",
            ids: Vec::new(),
            unassigned: true,
        },
    ];
    for (name, ids, unassigned) in [
        ("user", Vec::from_iter(user), false),
        ("team", Vec::from_iter(team), false),
        ("agent", agents, true),
    ] {
        if !ids.is_empty() {
            assignees.push(Assignees {
                name,
                ids,
                unassigned,
            });
        }
    }
    Ok(assignees)
}

fn busiest_assignee(
    snapshot: &Snapshot,
    kind: AssigneeKind,
) -> Result<Option<AssigneeId>, Failure> {
    let mut busiest = None;
    for assignee in snapshot.assignees()? {
        if assignee.id.kind() != kind {
            continue;
        }
        let count = snapshot.count(&Filter::all().assigned_to(&assignee.id))?;
        if busiest.as_ref().is_none_or(|(most, _)| count > *most) {
            busiest = Some((count, assignee.id));
        }
    }
    Ok(busiest.map(|(_, id)| id))
}
