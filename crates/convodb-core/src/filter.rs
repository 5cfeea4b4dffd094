//! Filters: which conversations a list selects, and query strings.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::page::PagePosition;
use crate::text::{given, objects};
use crate::{
    AssigneeId, Channel, ContactId, Conversation, ConversationId, Details, Error, ErrorKind,
    InboxId, InboxRef, InvalidInput, PageRequest, Priority, Sort, Status, Tags, TeamId, UserId,
    ViewId, text,
};

/// Which statuses a list selects. The default is open.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum StatusFilter {
    /// Only open conversations.
    #[default]
    Open,
    /// Only resolved conversations.
    Resolved,
    /// Both.
    All,
}

impl StatusFilter {
    pub(crate) const ALL: [Self; 3] = [Self::Open, Self::Resolved, Self::All];

    /// Its name in query strings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::All => "all",
        }
    }
}

/// Tags that conversations have, in whichever case. Without any, tags do not matter.
///
/// Its JSON is `{"any", "all", "none"}`, each a list that may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields, expecting = "an object")]
pub struct TagFilter {
    /// One of these at least, unless there is none.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub any: Tags,
    /// Each of these.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub all: Tags,
    /// None of these.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub none: Tags,
}

objects! { TagFilter }

impl TagFilter {
    fn is_empty(&self) -> bool {
        self.any.is_empty() && self.all.is_empty() && self.none.is_empty()
    }

    fn selects(&self, tags: &Tags) -> bool {
        let has = |tag: &str| tags.contains(tag);
        (self.any.is_empty() || !tags.is_empty() && self.any.iter().any(has))
            && (self.all.is_empty() || !tags.is_empty() && self.all.iter().all(has))
            && (tags.is_empty() || !self.none.iter().any(has))
    }

    fn validate(&self) -> Result<(), InvalidInput> {
        for (name, tags) in [("any", &self.any), ("all", &self.all), ("none", &self.none)] {
            let checked = tags.validate();
            checked.map_err(|error| error.in_field(format!("tag.{name}")))?;
        }
        let is_excluded = |tag: &str| self.none.contains(tag);
        if let Some(tag) = self.all.iter().find(|tag| is_excluded(tag)) {
            let reason = format!("has `{tag}`, which `tag.none` excludes");
            return Err(InvalidInput::new("tag.all", reason));
        }
        let is_possible = self.any.is_empty() || !self.any.iter().all(is_excluded);
        InvalidInput::unless(is_possible, "tag.any", "has only what `tag.none` excludes")
    }
}

/// Which conversations a list selects, and in which order.
///
/// The setters add: two channels select the conversations of both. Without a channel every channel is
/// selected, without an inbox every inbox of these; without an assignee every assignee is, and the
/// unassigned conversations are. A user or team that the directory does not have selects nothing.
///
/// Lists by status, channel, inbox, assignee, unread messages and snooze are counted: their totals are
/// known, and any page takes microseconds. So is a saved [view](crate::View), which is a
/// filter on its own. A list by tags, team, priority or waiting reads what the rest of the filter selects.
///
/// Its JSON is an object of what was given, by the names of [`from_query`](Self::from_query).
///
/// ```
/// use convodb::{Channel, Filter, TeamId, UserId};
///
/// let everything_on_whatsapp = Filter::all().channel(Channel::Whatsapp);
/// let an_agents_view = Filter::open()
///     .unassigned()
///     .assigned_to(UserId::new("usr_01H111")?)
///     .assigned_to(TeamId::new("team_billing")?);
/// let to_be_read = an_agents_view.clone().unread();
/// # let _ = (everything_on_whatsapp, an_agents_view, to_be_read);
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields, expecting = "an object")]
#[must_use]
pub struct Filter {
    status: StatusFilter,
    #[serde(rename = "channel", skip_serializing_if = "BTreeSet::is_empty")]
    channels: BTreeSet<Channel>,
    #[serde(rename = "inbox", skip_serializing_if = "BTreeSet::is_empty")]
    inboxes: BTreeSet<InboxRef>,
    /// None selects assigned and unassigned conversations.
    #[serde(rename = "assigned_to", skip_serializing_if = "BTreeSet::is_empty")]
    owners: BTreeSet<Owner>,
    /// The members are assignees too: a reader adds them to those.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    members_of: Option<TeamId>,
    #[serde(rename = "team", skip_serializing_if = "BTreeSet::is_empty")]
    teams: BTreeSet<TeamId>,
    #[serde(rename = "tag", skip_serializing_if = "TagFilter::is_empty")]
    tags: TagFilter,
    #[serde(rename = "priority", skip_serializing_if = "BTreeSet::is_empty")]
    priorities: BTreeSet<Priority>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    unread: Option<bool>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    snoozed: Option<bool>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    waiting: Option<bool>,
    #[serde(
        rename = "contact_id",
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    contact: Option<ContactId>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    view: Option<ViewId>,
    #[serde(skip_serializing_if = "is_default")]
    sort: Sort,
    #[serde(skip_serializing_if = "is_default")]
    scan: bool,
}

objects! { Filter }

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Whose conversations: a user's, a team's, or those of none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Owner {
    None,
    Some(AssigneeId),
}

const UNASSIGNED: &str = "unassigned";

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => UNASSIGNED,
            Self::Some(id) => id.as_str(),
        })
    }
}

impl FromStr for Owner {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        match text {
            UNASSIGNED => Ok(Self::None),
            id => AssigneeId::new(id).map(Self::Some),
        }
    }
}

impl Serialize for Owner {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Owner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parse(deserializer, str::parse)
    }
}

/// Whether a conversation is open, resolved, or open and snoozed: each has lists of its own.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Open,
    Resolved,
    Snoozed,
}

#[doc(hidden)]
impl Standing {
    pub const ALL: [Self; 3] = [Self::Open, Self::Resolved, Self::Snoozed];

    pub fn of(conversation: &Conversation) -> Self {
        match conversation.status {
            Status::Resolved => Self::Resolved,
            Status::Open if conversation.snoozed_until().is_some() => Self::Snoozed,
            Status::Open => Self::Open,
        }
    }

    pub const fn status(self) -> Status {
        match self {
            Self::Open | Self::Snoozed => Status::Open,
            Self::Resolved => Status::Resolved,
        }
    }
}

impl Filter {
    /// The most users and teams of a filter. More are refused where it is used.
    pub const MAX_ASSIGNEES: usize = 64;
    /// The most parts of the index that a list merges: one for each user, team or none of the filter,
    /// each status and each inbox, as far as there are such conversations. A list, or a rank in it, that
    /// would take more is refused.
    pub const MAX_PARTITIONS: usize = 256;
    /// The most conversations that a list by tags, team, priority or waiting reads, unless it is to
    /// [`scan`](Self::scan) more.
    pub const MAX_CANDIDATES: u64 = 100_000;

    /// Conversations of this status.
    pub fn new(status: StatusFilter) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// Open conversations: the default inbox view.
    pub fn open() -> Self {
        Self::new(StatusFilter::Open)
    }

    /// Resolved conversations.
    pub fn resolved() -> Self {
        Self::new(StatusFilter::Resolved)
    }

    /// Conversations of either status.
    pub fn all() -> Self {
        Self::new(StatusFilter::All)
    }

    /// The conversations of a saved [view](crate::View), in its order. It takes no other
    /// setter.
    pub fn view(view: impl Into<ViewId>) -> Self {
        Self {
            view: Some(view.into()),
            ..Self::default()
        }
    }

    /// Adds a channel.
    pub fn channel(mut self, channel: Channel) -> Self {
        self.channels.insert(channel);
        self
    }

    /// Adds an inbox, or the nameless one of a channel. One of a channel that is not selected selects
    /// nothing, and so does one that the store does not have.
    pub fn inbox(mut self, inbox: impl Into<InboxRef>) -> Self {
        self.inboxes.insert(inbox.into());
        self
    }

    /// Adds a user or a team.
    pub fn assigned_to(mut self, id: impl Into<AssigneeId>) -> Self {
        self.owners.insert(Owner::Some(id.into()));
        self
    }

    /// Adds the unassigned conversations.
    pub fn unassigned(mut self) -> Self {
        self.owners.insert(Owner::None);
        self
    }

    /// Adds the members that a team has when the list is asked for: the conversations of each, and none of
    /// the team's own. A team without members adds none, and so does one that the directory does not
    /// have. A later call takes the place of this one.
    ///
    /// ```
    /// # convodb::example!(store, id, contact, alice);
    /// use convodb::TeamId;
    ///
    /// let billing = TeamId::new("team_billing")?;
    /// store.save_team_with_members(&billing, "Billing", [alice.clone()])?;
    /// store.assign(id, alice)?;
    /// assert_eq!(store.count(&Filter::open().members_of(&billing))?, 1);
    /// store.save_team_with_members(&billing, "Billing", [])?;
    /// assert_eq!(store.count(&Filter::open().members_of(&billing))?, 0);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn members_of(mut self, team: impl Into<TeamId>) -> Self {
        self.members_of = Some(team.into());
        self
    }

    /// Adds a team: its queue, and what is assigned to it.
    pub fn team(mut self, team: impl Into<TeamId>) -> Self {
        self.teams.insert(team.into());
        self
    }

    /// Selects only conversations with these tags.
    pub fn tags(mut self, tags: TagFilter) -> Self {
        self.tags = tags;
        self
    }

    /// Adds a priority.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priorities.insert(priority);
        self
    }

    /// Selects only conversations whose contact waits for an answer, or only the others.
    pub const fn waiting(mut self, waiting: bool) -> Self {
        self.waiting = Some(waiting);
        self
    }

    /// Selects only conversations with unread messages.
    pub const fn unread(mut self) -> Self {
        self.unread = Some(true);
        self
    }

    /// Selects only conversations without unread messages: in a view, as no list is counted by it.
    pub const fn read(mut self) -> Self {
        self.unread = Some(false);
        self
    }

    /// Changes the order.
    pub const fn sort(mut self, sort: Sort) -> Self {
        self.sort = sort;
        self
    }

    /// Reads any number of conversations for a list by tags, team, priority or waiting.
    pub const fn scan(mut self) -> Self {
        self.scan = true;
        self
    }

    /// Selects only conversations that are snoozed, or that are not.
    pub const fn snoozed(mut self, snoozed: bool) -> Self {
        self.snoozed = Some(snoozed);
        self
    }

    /// Selects only conversations with a contact. Of these there is one for each inbox, so that a list
    /// reads each of them.
    pub fn contact(mut self, contact: impl Into<ContactId>) -> Self {
        self.contact = Some(contact.into());
        self
    }

    /// The status.
    pub const fn status(&self) -> StatusFilter {
        self.status
    }

    /// The channels that were added, in the order of [`Channel::ALL`]; none means all.
    pub fn channels(&self) -> impl Iterator<Item = Channel> + '_ {
        self.channels.iter().copied()
    }

    /// The inboxes that were added; none means all of the channels.
    pub fn inboxes(&self) -> impl Iterator<Item = &InboxRef> + '_ {
        self.inboxes.iter()
    }

    /// Whether the unassigned conversations were added.
    pub fn includes_unassigned(&self) -> bool {
        self.owners.contains(&Owner::None)
    }

    /// The users and teams that were added, users first, each by their ids.
    pub fn assignees(&self) -> impl Iterator<Item = &AssigneeId> + '_ {
        self.owners.iter().filter_map(|owner| match owner {
            Owner::None => None,
            Owner::Some(id) => Some(id),
        })
    }

    /// The team whose members were added, if there is one.
    pub const fn members_team(&self) -> Option<&TeamId> {
        self.members_of.as_ref()
    }

    /// The teams that were added, by their ids.
    pub fn teams(&self) -> impl Iterator<Item = &TeamId> + '_ {
        self.teams.iter()
    }

    /// The tags.
    pub const fn tag_filter(&self) -> &TagFilter {
        &self.tags
    }

    /// The priorities that were added; none means all.
    pub fn priorities(&self) -> impl Iterator<Item = Priority> + '_ {
        self.priorities.iter().copied()
    }

    /// Whether only conversations whose contact waits are selected, or only others.
    pub const fn is_waiting(&self) -> Option<bool> {
        self.waiting
    }

    /// Whether only unread conversations are selected.
    pub const fn is_unread(&self) -> bool {
        matches!(self.unread, Some(true))
    }

    /// The view, if it is one.
    pub const fn view_id(&self) -> Option<&ViewId> {
        self.view.as_ref()
    }

    /// The order. A view has its own.
    pub const fn order(&self) -> Sort {
        self.sort
    }

    /// Whether only snoozed conversations are selected, or only others.
    pub const fn is_snoozed(&self) -> Option<bool> {
        self.snoozed
    }

    /// The contact, where there is one.
    pub const fn contact_id(&self) -> Option<&ContactId> {
        self.contact.as_ref()
    }

    /// Whether it selects conversations whatever their assignee.
    #[doc(hidden)]
    pub fn is_any_assignee(&self) -> bool {
        self.owners.is_empty() && self.members_of.is_none()
    }

    /// The same with the members of the team of `members_of` among its assignees. An error where these
    /// are more than a filter has.
    #[doc(hidden)]
    pub fn with_members(&self, members: &[UserId]) -> Result<Self, InvalidInput> {
        self.validate()?;
        let mut filter = self.clone();
        let members = members.iter().map(|id| Owner::Some(id.into()));
        filter.owners.extend(members);
        let (max, assignees) = (Self::MAX_ASSIGNEES, filter.assignees().count());
        let reason = format_args!(
            "must be at most {max} users and teams with those of `assigned_to`, and are {assignees}"
        );
        InvalidInput::unless(assignees <= max, "members_of", reason)?;
        Ok(filter)
    }

    /// Whether it selects by what no list is counted by.
    #[doc(hidden)]
    pub fn reads_candidates(&self) -> bool {
        self.waiting.is_some()
            || self.unread == Some(false)
            || !self.priorities.is_empty()
            || !self.teams.is_empty()
            || !self.tags.is_empty()
    }

    /// Whether it could read as many conversations.
    #[doc(hidden)]
    pub fn check_candidates(&self, candidates: u64) -> Result<(), Error> {
        let max = Self::MAX_CANDIDATES;
        if candidates <= max || self.scan {
            return Ok(());
        }
        Err(view_required(
            "scan",
            format!(
                "must be given, or the filter be a saved view: it would read {candidates} conversations, \
                 and without it a list reads at most {max}"
            ),
        ))
    }

    /// Whether it is one of a saved view.
    fn validate_view(&self) -> Result<(), InvalidInput> {
        let Some(view) = &self.view else {
            return Ok(());
        };
        let is_alone = *self == Self::view(view);
        let reason = "takes no other filter and no order, as a view has its own";
        InvalidInput::unless(is_alone, "view", reason)
    }

    /// Whether it selects conversations of a standing.
    #[doc(hidden)]
    pub const fn has(&self, standing: Standing) -> bool {
        let is_resolved = matches!(standing, Standing::Resolved);
        let has_status = match self.status {
            StatusFilter::Open => !is_resolved,
            StatusFilter::Resolved => is_resolved,
            StatusFilter::All => true,
        };
        let is_snoozed = matches!(standing, Standing::Snoozed);
        match self.snoozed {
            Some(snoozed) => has_status && snoozed == is_snoozed,
            None => has_status,
        }
    }

    /// Whether it selects conversations of an inbox.
    #[doc(hidden)]
    pub fn has_inbox(&self, channel: Channel, id: Option<&InboxId>) -> bool {
        let is_selected = |inbox: &InboxRef| match inbox {
            InboxRef::Channel(given) => id.is_none() && *given == channel,
            InboxRef::Inbox(given) => id == Some(given),
        };
        (self.channels.is_empty() || self.channels.contains(&channel))
            && (self.inboxes.is_empty() || self.inboxes.iter().any(is_selected))
    }

    /// Whether it selects a conversation. Who the members of a team are is not known here:
    /// [`members_of`](Self::members_of) adds none.
    pub fn selects(&self, conversation: &Conversation) -> bool {
        let assignee = conversation.assignee_id();
        let has_owner = |owner: &Owner| match owner {
            Owner::None => assignee.is_none(),
            Owner::Some(id) => assignee == Some(id),
        };
        self.has(Standing::of(conversation))
            && (self.contact.as_ref()).is_none_or(|contact| *contact == conversation.contact_id)
            && self.has_inbox(conversation.channel, conversation.inbox_id.as_ref())
            && (self.is_any_assignee() || self.owners.iter().any(has_owner))
            && (self.unread).is_none_or(|unread| unread == (conversation.unread_count > 0))
            && (self.waiting)
                .is_none_or(|waiting| waiting == conversation.timeline.waiting_since.is_some())
            && self.selects_attributes(conversation)
    }

    fn selects_attributes(&self, conversation: &Conversation) -> bool {
        let known = conversation.attributes();
        let has_priority = |priority| self.priorities.contains(&priority);
        let assignees = conversation.assigned_to.iter().chain(&known.team);
        let mut teams = assignees.filter_map(|it| it.id.as_team());
        (self.priorities.is_empty() || known.priority.is_some_and(has_priority))
            && (self.teams.is_empty() || teams.any(|team| self.teams.contains(team)))
            && self.tags.selects(&known.tags)
    }

    /// Checks what a saved view selects and how it is sorted.
    pub(crate) fn validate_saved(&self) -> Result<(), InvalidInput> {
        let reason = "is not of a view";
        InvalidInput::unless(self.contact.is_none(), "contact_id", reason)?;
        InvalidInput::unless(self.members_of.is_none(), "members_of", reason)?;
        InvalidInput::unless(self.view.is_none(), "view", reason)?;
        InvalidInput::unless(is_default(&self.sort), "sort", reason)?;
        InvalidInput::unless(!self.scan, "scan", reason)?;
        self.validate()
    }

    /// Checks that a list has its order without a view.
    #[doc(hidden)]
    pub fn check_order(&self) -> Result<(), Error> {
        let sort = self.sort;
        if !sort.needs_view() {
            return Ok(());
        }
        let reason =
            "must be `-updated_at` or `updated_at`: a list has the order of a saved view only";
        let reason = format!("{reason} as that view, and `{sort}` is one");
        Err(view_required("sort", reason))
    }

    /// Checks the number of assignees, and that it can select anything.
    #[doc(hidden)]
    pub fn validate(&self) -> Result<(), InvalidInput> {
        self.validate_view()?;
        let (max, assignees) = (Self::MAX_ASSIGNEES, self.assignees().count());
        let reason = format_args!("must be at most {max} users and teams, and are {assignees}");
        InvalidInput::unless(assignees <= max, "assigned_to", reason)?;
        let (max, teams) = (Self::MAX_ASSIGNEES, self.teams.len());
        let reason = format_args!("must be at most {max} teams, and are {teams}");
        InvalidInput::unless(teams <= max, "team", reason)?;
        self.tags.validate()?;
        let is_resolved = self.status == StatusFilter::Resolved;
        let reason = "must not be `true` beside resolved conversations, none of which is snoozed";
        InvalidInput::unless(
            !is_resolved || self.snoozed != Some(true),
            "snoozed",
            reason,
        )?;
        let reason = "must not be `true` beside resolved conversations, whose contacts do not wait";
        InvalidInput::unless(
            !is_resolved || self.waiting != Some(true),
            "waiting",
            reason,
        )
    }

    /// Checks the number of partitions that it selects.
    #[doc(hidden)]
    pub fn validate_partitions(&self, partitions: usize) -> Result<(), InvalidInput> {
        let max = Self::MAX_PARTITIONS;
        let field = if self.members_of.is_some() {
            "members_of"
        } else if self.owners.len() > 1 {
            "assigned_to"
        } else {
            "inbox"
        };
        let reason = format_args!(
            "must select at most {max} parts of the index with conversations, and selects {partitions}"
        );
        InvalidInput::unless(partitions <= max, field, reason)
    }
}

/// An error of what a saved view has and a list without one has not.
fn view_required(field: &'static str, reason: String) -> Error {
    let message = format!("{field}: {reason}");
    Error::new(ErrorKind::ViewRequired, message).with_details(Details::Field {
        name: field.into(),
        reason: reason.into(),
    })
}

/// The parameters of a query string.
const NAMES: &str = "status channel inbox contact_id assigned_to members_of team tag priority unread snoozed waiting \
                     view sort scan page cursor around limit";

/// Those that are about a page.
const PAGING: [&str; 4] = ["page", "cursor", "around", "limit"];

impl Filter {
    /// Parses the query string of a list: `status`, `channel`, `inbox`, `contact_id`, `assigned_to`,
    /// `members_of`, `team`, `tag`, `priority`, `unread`, `snoozed`, `waiting` and `scan`, or `view`; `sort`; `page`,
    /// `cursor` or `around`; and `limit`.
    ///
    /// `channel`, `inbox`, `assigned_to`, `team`, `tag` and `priority` take several values, separated by
    /// commas, of which a conversation has one. A value of `inbox` is an id, or the name of a channel for
    /// its nameless inbox; `unassigned` is one of `assigned_to`. `members_of` is a team,
    /// whose members are selected beside those of `assigned_to`. `unread` and `scan` take `true` alone,
    /// `snoozed` and `waiting` `true` or `false`. A missing `status` is `open`, a missing `sort` is
    /// `-updated_at`, and a missing page is the first one of 20 rows.
    ///
    /// ```
    /// use convodb::{Channel, Filter, PageRequest};
    ///
    /// let (filter, page) = Filter::from_query("status=open&channel=whatsapp&limit=50")?;
    /// assert_eq!(filter, Filter::open().channel(Channel::Whatsapp));
    /// assert_eq!(page, PageRequest::number(1, 50)?);
    ///
    /// let error = Filter::from_query("status=closed").unwrap_err();
    /// assert_eq!(error.to_string(), "status: must be `open`, `resolved` or `all`");
    /// # Ok::<(), convodb::InvalidInput>(())
    /// ```
    ///
    /// # Errors
    ///
    /// An unknown parameter, one that occurs twice, one that is empty, and an invalid value, by the
    /// name of the parameter.
    pub fn from_query(query: &str) -> Result<(Self, PageRequest), InvalidInput> {
        Self::from_query_pairs(form_urlencoded::parse(query.as_bytes()))
    }

    /// The same from parameters that are decoded already.
    ///
    /// # Errors
    ///
    /// See [`from_query`](Self::from_query).
    pub fn from_query_pairs<K: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(Self, PageRequest), InvalidInput> {
        let mut given = Vec::new();
        let (mut filter, mut position) = (Self::open(), PagePosition::Number(1));
        let mut limit = PageRequest::default().limit();
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            let Some(name) = NAMES.split(' ').find(|known| *known == name) else {
                let reason = "is no parameter of this list";
                return Err(InvalidInput::new(name.to_owned(), reason));
            };
            InvalidInput::unless(!given.contains(&name), name, "must be given once")?;
            InvalidInput::unless(!value.is_empty(), name, "must not be empty")?;
            given.push(name);
            let in_field = |error: InvalidInput| error.in_field(name);
            let flag = || {
                let reason = |_| InvalidInput::new(name, "must be `true` or `false`");
                value.parse().map_err(reason)
            };
            let must_be_true = || InvalidInput::unless(value == "true", name, "must be `true`");
            match name {
                "status" => filter.status = value.parse()?,
                "channel" => filter.channels = values(value)?,
                "inbox" => filter.inboxes = values(value).map_err(in_field)?,
                "assigned_to" => filter.owners = values(value).map_err(in_field)?,
                "members_of" => filter.members_of = Some(value.parse().map_err(in_field)?),
                "team" => filter.teams = values(value).map_err(in_field)?,
                "tag" => filter.tags.any = value.split(',').collect(),
                "priority" => filter.priorities = values(value)?,
                "unread" => {
                    must_be_true()?;
                    filter.unread = Some(true);
                }
                "snoozed" => filter.snoozed = Some(flag()?),
                "waiting" => filter.waiting = Some(flag()?),
                "scan" => {
                    must_be_true()?;
                    filter.scan = true;
                }
                "view" => filter.view = Some(ViewId::new(value).map_err(in_field)?),
                "sort" => filter.sort = value.parse()?,
                "contact_id" => filter.contact = Some(ContactId::new(value)?),
                "page" => position = PagePosition::Number(number(name, value)?),
                "cursor" => position = PagePosition::After(value.parse()?),
                "around" => {
                    let id = ConversationId::new(value).map_err(in_field)?;
                    position = PagePosition::Around(id);
                }
                _ => limit = number(name, value)?,
            }
        }
        let is_paging = |name: &&str| PAGING.contains(name);
        let mut others = given
            .iter()
            .filter(|name| **name != "view" && !is_paging(name));
        if let (Some(_), Some(other)) = (&filter.view, others.next()) {
            let reason = "must not be given beside a view, which has its own";
            return Err(InvalidInput::new(*other, reason));
        }
        filter.validate().map_err(|error| match error.field() {
            "tag.any" => error.in_field("tag"),
            _ => error,
        })?;
        let pages = ["cursor", "around", "page"].into_iter();
        let mut pages = pages.filter(|name| given.contains(name));
        if let (Some(name), Some(_)) = (pages.next(), pages.next()) {
            let reason = "must not be given beside another page";
            return Err(InvalidInput::new(name, reason));
        }
        Ok((filter, PageRequest::new(position, limit)?))
    }

    /// The query string that [`from_query`](Self::from_query) parses to this filter and page.
    pub fn to_query(&self, page: &PageRequest) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let mut append = |name, values: Vec<String>| {
            if !values.is_empty() {
                query.append_pair(name, &values.join(","));
            }
        };
        let flag = |flag: Option<bool>| flag.iter().map(bool::to_string).collect();
        match &self.view {
            Some(view) => append("view", vec![view.to_string()]),
            None => append("status", vec![self.status.as_str().to_owned()]),
        }
        append("channel", texts(self.channels().map(Channel::as_str)));
        append("inbox", texts(&self.inboxes));
        append("assigned_to", texts(&self.owners));
        append("members_of", texts(&self.members_of));
        append("team", texts(&self.teams));
        append("tag", texts(self.tags.any.iter()));
        append("priority", texts(self.priorities().map(Priority::as_str)));
        append("unread", flag(self.unread));
        append("snoozed", flag(self.snoozed));
        append("waiting", flag(self.waiting));
        append("contact_id", texts(&self.contact));
        append(
            "sort",
            texts(Some(self.sort).filter(|sort| !is_default(sort))),
        );
        append("scan", flag(Some(self.scan).filter(|scan| *scan)));
        match page.position() {
            PagePosition::Number(number) => query.append_pair("page", &number.to_string()),
            PagePosition::After(cursor) => query.append_pair("cursor", &cursor.to_string()),
            PagePosition::Around(id) => query.append_pair("around", &id.to_string()),
        };
        query.append_pair("limit", &page.limit().to_string());
        query.finish()
    }
}

/// Values that are separated by commas.
fn values<T: FromStr<Err = InvalidInput> + Ord>(text: &str) -> Result<BTreeSet<T>, InvalidInput> {
    text.split(',').map(str::parse).collect()
}

fn texts<T: ToString>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

fn number<T: FromStr>(name: &'static str, digits: &str) -> Result<T, InvalidInput> {
    let number = text::digits(digits);
    number.ok_or_else(|| InvalidInput::new(name, "must be a whole number within its bounds"))
}
