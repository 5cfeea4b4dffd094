//! The filters that a file can be asked with, and who is asked for.

use convodb::{AssigneeId, AssigneeKind, Channel, Filter, Snapshot, StatusFilter};

use crate::failure::Failure;

/// A filter by its name.
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) filter: Filter,
    /// Whether it is one of the few in the chart.
    pub(super) drawn: bool,
}

/// Anybody's and nobody's, or some assignees'.
struct Whose {
    name: &'static str,
    ids: Vec<AssigneeId>,
    unassigned: bool,
}

/// Every combination that selects something.
pub(super) fn every(snapshot: &Snapshot) -> Result<Vec<Shape>, Failure> {
    let busiest = busiest_channel(snapshot)?;
    let whose = whose(snapshot)?;
    let mut shapes = Vec::new();
    for status in [
        StatusFilter::Open,
        StatusFilter::Resolved,
        StatusFilter::All,
    ] {
        for channel in [None, Some(busiest)] {
            for whose in &whose {
                for unread in [false, true] {
                    let shape = shape(status, channel, whose, unread);
                    // An empty list is no measure but of an empty store.
                    if snapshot.count(&shape.filter)? > 0 || shapes.is_empty() {
                        shapes.push(shape);
                    }
                }
            }
        }
    }
    Ok(shapes)
}

fn shape(status: StatusFilter, channel: Option<Channel>, whose: &Whose, unread: bool) -> Shape {
    let mut name = status.to_string();
    let mut filter = Filter::new(status);
    if let Some(channel) = channel {
        name += &format!(" {channel}");
        filter = filter.channel(channel);
    }
    if !whose.name.is_empty() {
        name += &format!(" {}", whose.name);
    }
    for id in &whose.ids {
        filter = filter.assigned_to(id);
    }
    if whose.unassigned {
        filter = filter.unassigned();
    }
    if unread {
        name += " unread";
        filter = filter.unread();
    }
    let drawn = !unread
        && match (status, channel) {
            (_, None) => whose.name.is_empty() || is_agents(status, whose),
            (StatusFilter::Resolved, Some(_)) => whose.name.is_empty(),
            _ => false,
        };
    Shape {
        name,
        filter,
        drawn,
    }
}

/// The view of an agent: what is open and theirs, their team's or nobody's.
fn is_agents(status: StatusFilter, whose: &Whose) -> bool {
    status == StatusFilter::Open && whose.unassigned && !whose.ids.is_empty()
}

fn busiest_channel(snapshot: &Snapshot) -> Result<Channel, Failure> {
    let on = |channel| Filter::all().channel(channel);
    let counts = snapshot.counts(&Channel::ALL.map(on))?;
    // The first of the busiest.
    let busiest = Channel::ALL.into_iter().zip(counts).rev();
    let busiest = busiest.max_by_key(|(_, count)| *count);
    Ok(busiest.map_or(Channel::Whatsapp, |(channel, _)| channel))
}

fn whose(snapshot: &Snapshot) -> Result<Vec<Whose>, Failure> {
    let user = busiest_assignee(snapshot, AssigneeKind::User)?;
    let team = busiest_assignee(snapshot, AssigneeKind::Team)?;
    let agents: Vec<_> = user.iter().chain(&team).cloned().collect();
    let mut whose = vec![
        Whose {
            name: "",
            ids: Vec::new(),
            unassigned: false,
        },
        Whose {
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
            whose.push(Whose {
                name,
                ids,
                unassigned,
            });
        }
    }
    Ok(whose)
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
