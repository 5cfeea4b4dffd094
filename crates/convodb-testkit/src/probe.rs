//! Questions to a store, as plain values, with what the model answers.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use convodb::{
    AssigneeId, Channel, Conversation, ConversationId, ErrorKind, Filter, Message, MessageRange,
    Priority, Sort, Status, StatusFilter, TagFilter, Tags, TeamId,
};

use super::model::{Entry, Model};
use super::op::{self, InboxPick, TeamPick, Who};
use super::plan::When;
use super::verdict::Refusal;

/// What to ask for.
#[derive(Clone, Debug)]
pub struct Probe {
    pub filter: FilterPlan,
    pub page: u64,
    pub limit: u32,
    pub range: RangePlan,
    /// From which end an iterator is asked at each step, a bit each.
    pub turns: u64,
}

/// A filter: sets as bits. An empty set restricts nothing.
#[derive(Clone, Copy, Debug)]
pub struct FilterPlan {
    pub status: StatusFilter,
    pub channels: u8,
    /// Whether they were saved or not.
    pub inboxes: u8,
    pub unassigned: bool,
    /// Whether they are in the directory or not.
    pub assignees: u8,
    /// Whether it is in the directory or not.
    pub members_of: Option<TeamPick>,
    /// Of the teams among these.
    pub teams: u8,
    pub tags: TagPlan,
    pub priorities: u8,
    pub unread: Option<bool>,
    pub snoozed: Option<bool>,
    pub waiting: Option<bool>,
    /// One contact's alone.
    pub contact: Option<u8>,
    pub sort: Sort,
}

/// Tags that conversations must have or not, each as bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct TagPlan {
    pub any: u8,
    pub all: u8,
    pub none: u8,
}

/// The tags of the plans, in one of the cases that conversations have them in or another one.
const TAGS: [&str; 6] = ["vip", "REFUND", "Strasse", "new", "Tag 1", "tag 2"];

/// All bits of a filter's tags.
pub const EVERY_TAG: u8 = (1 << TAGS.len()) - 1;

fn tags(bits: u8) -> impl Iterator<Item = &'static str> {
    let all = TAGS.into_iter().enumerate();
    all.filter_map(move |(place, tag)| (bits & (1 << place) != 0).then_some(tag))
}

impl TagPlan {
    fn filter(self) -> TagFilter {
        let of = |bits| tags(bits).collect::<Tags>();
        TagFilter {
            any: of(self.any),
            all: of(self.all),
            none: of(self.none),
        }
    }

    fn selects(self, entry: &Entry) -> bool {
        let alike = |tag: &str| tag.to_uppercase();
        let own: Vec<_> = entry.attributes.tags.iter().map(alike).collect();
        let has = |tag: &str| own.contains(&alike(tag));
        (self.any == 0 || tags(self.any).any(has))
            && tags(self.all).all(has)
            && !tags(self.none).any(has)
    }
}

/// What the order of a list comes to, by what it shows of its rows.
pub fn compare(sort: Sort, one: &Conversation, other: &Conversation) -> Ordering {
    fn none_last<T: Ord>(one: Option<T>, other: Option<T>) -> Ordering {
        let is_none = one.is_none().cmp(&other.is_none());
        is_none.then_with(|| one.cmp(&other))
    }
    let urgency = |of: &Conversation| of.attributes.as_ref().and_then(|it| it.priority);
    let latest_first = || other.updated_at.cmp(&one.updated_at);
    let greater_first = || other.id.cmp(&one.id);
    let lesser_first = || one.id.cmp(&other.id);
    match sort {
        Sort::LatestActivity => latest_first().then_with(greater_first),
        Sort::EarliestActivity => latest_first().reverse().then_with(lesser_first),
        Sort::LongestWaiting => {
            let since = |of: &Conversation| of.timeline.waiting_since;
            none_last(since(one), since(other)).then_with(lesser_first)
        }
        Sort::Newest => (other.created_at.cmp(&one.created_at)).then_with(greater_first),
        Sort::Oldest => (one.created_at.cmp(&other.created_at)).then_with(lesser_first),
        Sort::DueSoonest => {
            let until = |of: &Conversation| of.attributes.as_ref().and_then(|it| it.snoozed_until);
            none_last(until(one), until(other)).then_with(lesser_first)
        }
        // The order of the priorities is theirs, the lowest first.
        Sort::Priority => (urgency(other).cmp(&urgency(one)))
            .then_with(latest_first)
            .then_with(greater_first),
        other => panic!("{other} is no order of a plan"),
    }
}

/// Whether only a saved view has an order.
pub fn needs_view(sort: Sort) -> bool {
    !matches!(sort, Sort::LatestActivity | Sort::EarliestActivity)
}

impl FilterPlan {
    pub const ALL: Self = Self {
        status: StatusFilter::All,
        channels: 0,
        inboxes: 0,
        unassigned: false,
        assignees: 0,
        members_of: None,
        teams: 0,
        tags: TagPlan {
            any: 0,
            all: 0,
            none: 0,
        },
        priorities: 0,
        unread: None,
        snoozed: None,
        waiting: None,
        contact: None,
        sort: Sort::LatestActivity,
    };

    /// The unread ones among those.
    pub const UNREAD: Self = Self {
        unread: Some(true),
        ..Self::ALL
    };

    /// The same but for their order.
    pub fn sorted(self, sort: Sort) -> Self {
        Self { sort, ..self }
    }

    fn takes_channel(self, channel: Channel) -> bool {
        let bit = match channel {
            Channel::Whatsapp => 1,
            Channel::Instagram => 2,
            Channel::Messenger => 4,
            Channel::Webchat => 8,
        };
        self.channels & bit != 0
    }

    fn takes_inbox(self, inbox: InboxPick) -> bool {
        let place = InboxPick::all().position(|one| one == inbox);
        place.is_some_and(|place| self.inboxes & (1 << place) != 0)
    }

    fn takes_assignee(self, who: Who) -> bool {
        self.assignees & (1 << who.0) != 0
    }

    /// Whether it is by a user or a team.
    pub fn names(self, who: Who) -> bool {
        let is_of_team = |id: TeamId| who.id() == AssigneeId::Team(id);
        self.takes_assignee(who) || self.teams().any(is_of_team)
    }

    fn teams(self) -> impl Iterator<Item = TeamId> {
        let teams = Who::all().filter_map(|who| match who.id() {
            AssigneeId::Team(id) => Some(id),
            AssigneeId::User(_) => None,
        });
        let bits = self.teams;
        let numbered = teams.enumerate();
        numbered.filter_map(move |(place, id)| (bits & (1 << place) != 0).then_some(id))
    }

    fn priorities(self) -> impl Iterator<Item = Priority> {
        let all = [
            Priority::Low,
            Priority::Medium,
            Priority::High,
            Priority::Urgent,
        ];
        let bits = self.priorities;
        let numbered = all.into_iter().enumerate();
        numbered.filter_map(move |(place, one)| (bits & (1 << place) != 0).then_some(one))
    }

    /// Why it selects nothing, whatever there is: the fields of which a refusal names one.
    fn contradictions(self) -> Vec<&'static str> {
        let TagPlan { any, all, none } = self.tags;
        let is_resolved = self.status == StatusFilter::Resolved;
        let contradictions = [
            (is_resolved && self.snoozed == Some(true), "snoozed"),
            (is_resolved && self.waiting == Some(true), "waiting"),
            (all & none != 0, "tag.all"),
            (any != 0 && any & !none == 0, "tag.any"),
        ];
        let contradictions = contradictions.into_iter();
        contradictions
            .filter_map(|(is_so, field)| is_so.then_some(field))
            .collect()
    }

    /// Why a list or a count of it is refused, if it is.
    pub fn refused(self) -> Vec<Refusal> {
        let contradictions = self.contradictions().into_iter().map(Refusal::invalid);
        let has_order = !needs_view(self.sort);
        let order = (!has_order).then(|| Refusal::of(ErrorKind::ViewRequired).in_field("sort"));
        contradictions.chain(order).collect()
    }

    /// Why a view of it is refused, if it is.
    pub fn refused_as_view(self, model: &Model) -> Vec<Refusal> {
        let mut fields = self.contradictions();
        if self.contact.is_some() {
            fields.push("contact_id");
        }
        if self.members_of.is_some() {
            fields.push("members_of");
        }
        if self.sort != Sort::LatestActivity {
            fields.push("sort");
        }
        let is_elsewhere =
            |inbox: &InboxPick| !model.has_inbox(*inbox) || !self.takes_channel(inbox.channel());
        let mut inboxes = InboxPick::all().filter(|inbox| self.takes_inbox(*inbox));
        if self.channels != 0 && inboxes.any(|inbox| is_elsewhere(&inbox)) {
            fields.push("inbox");
        }
        let fields = fields.into_iter();
        fields
            .map(|field| Refusal::invalid(format!("filter.{field}")))
            .collect()
    }

    pub fn filter(self) -> Filter {
        let mut filter = Filter::new(self.status);
        for channel in Channel::ALL {
            if self.takes_channel(channel) {
                filter = filter.channel(channel);
            }
        }
        for inbox in InboxPick::all().filter(|inbox| self.takes_inbox(*inbox)) {
            filter = filter.inbox(inbox);
        }
        for who in Who::all().filter(|who| self.takes_assignee(*who)) {
            filter = filter.assigned_to(who.id());
        }
        if let Some(team) = self.members_of {
            filter = filter.members_of(team.id());
        }
        if self.unassigned {
            filter = filter.unassigned();
        }
        for team in self.teams() {
            filter = filter.team(team);
        }
        for priority in self.priorities() {
            filter = filter.priority(priority);
        }
        filter = match self.unread {
            None => filter,
            Some(true) => filter.unread(),
            Some(false) => filter.read(),
        };
        if let Some(waiting) = self.waiting {
            filter = filter.waiting(waiting);
        }
        filter = filter.tags(self.tags.filter()).sort(self.sort);
        if let Some(snoozed) = self.snoozed {
            filter = filter.snoozed(snoozed);
        }
        if let Some(contact) = self.contact {
            filter = filter.contact(op::contact(contact));
        }
        filter
    }

    pub fn selects(self, model: &Model, entry: &Entry) -> bool {
        let status = match self.status {
            StatusFilter::Open => entry.status == Status::Open,
            StatusFilter::Resolved => entry.status == Status::Resolved,
            StatusFilter::All => true,
        };
        let channel = self.channels == 0 || self.takes_channel(entry.inbox.channel());
        let inbox = self.inboxes == 0 || self.takes_inbox(entry.inbox);
        let anybodys = !self.unassigned && self.assignees == 0 && self.members_of.is_none();
        let is_theirs =
            |id: &AssigneeId| Who::all().any(|who| self.takes_assignee(who) && who.id() == *id);
        let is_members = |id: &AssigneeId| {
            let mut members = self
                .members_of
                .iter()
                .flat_map(|team| model.members_of(&team.id()));
            members.any(|member| AssigneeId::from(member) == *id)
        };
        let assignee = match &entry.assignee {
            None => self.unassigned,
            Some(id) => is_theirs(id) || is_members(id),
        };
        let unread = self.unread.is_none_or(|it| it == (entry.unread() > 0));
        let is_waiting = entry.timeline.waiting_since.is_some();
        let waiting = self.waiting.is_none_or(|it| it == is_waiting);
        let has = |id: TeamId| {
            let id = Some(AssigneeId::Team(id));
            entry.team == id || entry.assignee == id
        };
        let team = self.teams == 0 || self.teams().any(has);
        let own = entry.attributes.priority;
        let priority = self.priorities == 0 || self.priorities().any(|one| own == Some(one));
        let tags = self.tags.selects(entry);
        let snoozed = self.snoozed.is_none_or(|it| it == entry.is_snoozed());
        let contact = self
            .contact
            .map(|number| model.contact_meant(&op::contact(number)));
        let contact = contact.is_none_or(|it| it == entry.contact_id);
        let attributes = team && priority && tags && waiting;
        let place = status && channel && inbox && snoozed && contact;
        place && (anybodys || assignee) && unread && attributes
    }

    pub fn list(self, model: &Model) -> Vec<Conversation> {
        model.list(self.sort, |entry| self.selects(model, entry))
    }
}

/// An end of a range of messages.
#[derive(Clone, Copy, Debug)]
pub enum Edge {
    Open,
    /// A message, of whatever conversation.
    Message(u8),
    /// A time, relative to a message's.
    Time(u8, When),
}

/// A range of messages.
#[derive(Clone, Copy, Debug)]
pub struct RangePlan {
    pub conversation: u8,
    pub from: Edge,
    pub to: Edge,
}

/// An edge that is found in the model.
enum Place<'a> {
    Open,
    Message(&'a Message),
    Time(DateTime<Utc>),
}

impl Edge {
    fn place(self, model: &Model) -> Place<'_> {
        let (Self::Message(number) | Self::Time(number, _)) = self else {
            return Place::Open;
        };
        let all: Vec<&Message> = model
            .entries
            .iter()
            .flat_map(|entry| &entry.messages)
            .collect();
        let Some(message) = all.get(usize::from(number) % all.len().max(1)) else {
            return Place::Open;
        };
        match self {
            Self::Time(_, when) => Place::Time(when.time(message.order_time)),
            _ => Place::Message(message),
        }
    }
}

impl RangePlan {
    /// The conversation, the range of its messages, and the messages in it.
    pub fn build(self, model: &Model) -> Option<(ConversationId, MessageRange, Vec<Message>)> {
        let number = usize::from(self.conversation) % model.entries.len().max(1);
        let entry = model.entries.get(number)?;
        let mut range = MessageRange::all();
        let mut messages = model.thread_of(entry);
        match self.from.place(model) {
            Place::Open => {}
            Place::Message(edge) => {
                range = range.after(edge);
                messages.retain(|one| (one.order_time, one.id) > (edge.order_time, edge.id));
            }
            Place::Time(time) => {
                range = range.since(time);
                messages.retain(|one| one.order_time >= time);
            }
        }
        match self.to.place(model) {
            Place::Open => {}
            Place::Message(edge) => {
                range = range.before(edge);
                messages.retain(|one| (one.order_time, one.id) < (edge.order_time, edge.id));
            }
            Place::Time(time) => {
                range = range.until(time);
                messages.retain(|one| one.order_time < time);
            }
        }
        Some((entry.id, range, messages))
    }
}
