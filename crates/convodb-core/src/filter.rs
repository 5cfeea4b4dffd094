//! Filters: which conversations a list selects.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::{AssigneeId, Channel, Conversation, InvalidInput, Status};

/// Which statuses a list selects. The default is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
    /// Its name in query strings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::All => "all",
        }
    }
}

impl fmt::Display for StatusFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StatusFilter {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        [Self::Open, Self::Resolved, Self::All]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| InvalidInput::new("status", "must be `open`, `resolved` or `all`"))
    }
}

/// Which conversations a list selects: by status, channel, assignee, and whether they have unread
/// messages.
///
/// The setters add: two channels select the conversations of both. Without a channel every channel is
/// selected; without an assignee every assignee is, and the unassigned conversations are. A user or
/// team that the directory does not have selects nothing.
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[must_use]
pub struct Filter {
    status: StatusFilter,
    channels: BTreeSet<Channel>,
    // Without either, assigned and unassigned conversations are selected.
    unassigned: bool,
    assignees: BTreeSet<AssigneeId>,
    unread: bool,
}

impl Filter {
    /// The most users and teams of a filter. More are refused where it is used.
    pub const MAX_ASSIGNEES: usize = 64;

    /// Conversations of this status.
    pub fn new(status: StatusFilter) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(crate) fn with_status(self, status: StatusFilter) -> Self {
        Self { status, ..self }
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

    /// Adds a channel.
    pub fn channel(mut self, channel: Channel) -> Self {
        self.channels.insert(channel);
        self
    }

    /// Adds a user or a team.
    pub fn assigned_to(mut self, id: impl Into<AssigneeId>) -> Self {
        self.assignees.insert(id.into());
        self
    }

    /// Adds the unassigned conversations.
    pub fn unassigned(mut self) -> Self {
        self.unassigned = true;
        self
    }

    /// Selects only conversations with unread messages.
    pub fn unread(mut self) -> Self {
        self.unread = true;
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

    /// Whether the unassigned conversations were added.
    pub const fn includes_unassigned(&self) -> bool {
        self.unassigned
    }

    /// The users and teams that were added, users first, each by their ids.
    pub fn assignees(&self) -> impl Iterator<Item = &AssigneeId> + '_ {
        self.assignees.iter()
    }

    /// Whether only unread conversations are selected.
    pub const fn is_unread(&self) -> bool {
        self.unread
    }

    /// Whether it selects conversations whatever their assignee.
    #[doc(hidden)]
    pub fn is_any_assignee(&self) -> bool {
        !self.unassigned && self.assignees.is_empty()
    }

    #[doc(hidden)]
    pub const fn statuses(&self) -> &'static [Status] {
        match self.status {
            StatusFilter::Open => &[Status::Open],
            StatusFilter::Resolved => &[Status::Resolved],
            StatusFilter::All => &Status::ALL,
        }
    }

    #[doc(hidden)]
    pub fn channels_or_all(&self) -> impl Iterator<Item = Channel> + '_ {
        Channel::ALL
            .into_iter()
            .filter(|channel| self.channels.is_empty() || self.channels.contains(channel))
    }

    /// Whether it selects a conversation.
    pub fn selects(&self, conversation: &Conversation) -> bool {
        let assignee = || match conversation.assignee_id() {
            Some(id) => self.assignees.contains(id),
            None => self.unassigned,
        };
        self.statuses().contains(&conversation.status)
            && (self.channels.is_empty() || self.channels.contains(&conversation.channel))
            && (self.is_any_assignee() || assignee())
            && (!self.unread || conversation.unread_count > 0)
    }

    /// Checks the number of assignees.
    #[doc(hidden)]
    pub fn validate(&self) -> Result<(), InvalidInput> {
        let (max, assignees) = (Self::MAX_ASSIGNEES, self.assignees.len());
        let reason = format_args!("must be at most {max} users and teams, and are {assignees}");
        InvalidInput::unless(assignees <= max, "assigned_to", reason)
    }
}
