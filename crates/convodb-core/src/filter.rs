//! Filters: which conversations a list selects, and query strings.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::Serialize;

use crate::page::PagePosition;
use crate::{
    AssigneeId, Channel, ContactId, Conversation, ConversationId, InboxId, InboxRef, InvalidInput,
    PageRequest, Status, text,
};

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

/// Which conversations a list selects: by status, channel, inbox, assignee, and whether they have unread
/// messages.
///
/// The setters add: two channels select the conversations of both. Without a channel every channel is
/// selected, without an inbox every inbox of these; without an assignee every assignee is, and the unassigned conversations are. A user or
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
    inboxes: BTreeSet<InboxRef>,
    // Without either, assigned and unassigned conversations are selected.
    unassigned: bool,
    assignees: BTreeSet<AssigneeId>,
    unread: bool,
    snoozed: Option<bool>,
    contact: Option<ContactId>,
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
        !self.unassigned && self.assignees.is_empty()
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

    /// Whether it selects a conversation.
    pub fn selects(&self, conversation: &Conversation) -> bool {
        let assignee = || match conversation.assignee_id() {
            Some(id) => self.assignees.contains(id),
            None => self.unassigned,
        };
        self.has(Standing::of(conversation))
            && (self.contact.as_ref()).is_none_or(|contact| *contact == conversation.contact_id)
            && self.has_inbox(conversation.channel, conversation.inbox_id.as_ref())
            && (self.is_any_assignee() || assignee())
            && (!self.unread || conversation.unread_count > 0)
    }

    /// Checks the number of assignees, and that it can select anything.
    #[doc(hidden)]
    pub fn validate(&self) -> Result<(), InvalidInput> {
        let (max, assignees) = (Self::MAX_ASSIGNEES, self.assignees.len());
        let reason = format_args!("must be at most {max} users and teams, and are {assignees}");
        InvalidInput::unless(assignees <= max, "assigned_to", reason)?;
        let selects = self.status != StatusFilter::Resolved || self.snoozed != Some(true);
        let reason = "must not be `true` beside resolved conversations, none of which is snoozed";
        InvalidInput::unless(selects, "snoozed", reason)
    }

    /// Checks the number of partitions that it selects.
    #[doc(hidden)]
    pub fn validate_partitions(&self, partitions: usize) -> Result<(), InvalidInput> {
        let max = Self::MAX_PARTITIONS;
        let owners = self.assignees.len() + usize::from(self.unassigned);
        let field = if owners > 1 { "assigned_to" } else { "inbox" };
        let reason = format_args!(
            "must select at most {max} parts of the index with conversations, and selects {partitions}"
        );
        InvalidInput::unless(partitions <= max, field, reason)
    }
}

/// The parameters of a query string.
const NAMES: &str =
    "status channel inbox contact_id assigned_to unread snoozed page cursor around limit";

impl Filter {
    /// Parses the query string of a list: `status`, `channel`, `inbox`, `contact_id`, `assigned_to`,
    /// `unread` and `snoozed`; `page`, `cursor` or `around`; and `limit`.
    ///
    /// `channel`, `inbox` and `assigned_to` take several values, separated by commas. A value of `inbox`
    /// is an id, or the name of a channel for its nameless inbox; `unassigned` is one of `assigned_to`. `unread` takes `true` alone, `snoozed` `true` or `false`. A missing `status` is `open`, and a missing page
    /// is the first one of 20 rows.
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
            match name {
                "status" => filter.status = value.parse()?,
                "channel" => {
                    let channels = value.split(',').map(str::parse);
                    filter.channels = channels.collect::<Result<_, _>>()?;
                }
                "inbox" => {
                    let inboxes = value.split(',').map(str::parse);
                    let inboxes = inboxes.collect::<Result<_, _>>();
                    filter.inboxes = inboxes.map_err(in_field)?;
                }
                "assigned_to" => {
                    for id in value.split(',') {
                        filter = match id {
                            "unassigned" => filter.unassigned(),
                            id => filter.assigned_to(AssigneeId::new(id).map_err(in_field)?),
                        };
                    }
                }
                "unread" => {
                    InvalidInput::unless(value == "true", name, "must be `true`")?;
                    filter.unread = true;
                }
                "snoozed" => {
                    let snoozed = value.parse();
                    let reason = |_| InvalidInput::new(name, "must be `true` or `false`");
                    filter.snoozed = Some(snoozed.map_err(reason)?);
                }
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
        filter.validate()?;
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
        query.append_pair("status", self.status.as_str());
        let channels: Vec<_> = self.channels().map(Channel::as_str).collect();
        if !channels.is_empty() {
            query.append_pair("channel", &channels.join(","));
        }
        let inboxes: Vec<_> = self.inboxes().map(InboxRef::to_string).collect();
        if !inboxes.is_empty() {
            query.append_pair("inbox", &inboxes.join(","));
        }
        let unassigned = self.includes_unassigned().then_some("unassigned");
        let assignees = self.assignees().map(AssigneeId::as_str);
        let assignees: Vec<_> = unassigned.into_iter().chain(assignees).collect();
        if !assignees.is_empty() {
            query.append_pair("assigned_to", &assignees.join(","));
        }
        if self.is_unread() {
            query.append_pair("unread", "true");
        }
        if let Some(snoozed) = self.snoozed {
            query.append_pair("snoozed", if snoozed { "true" } else { "false" });
        }
        if let Some(contact) = &self.contact {
            query.append_pair("contact_id", contact.as_str());
        }
        match page.position() {
            PagePosition::Number(number) => query.append_pair("page", &number.to_string()),
            PagePosition::After(cursor) => query.append_pair("cursor", &cursor.to_string()),
            PagePosition::Around(id) => query.append_pair("around", &id.to_string()),
        };
        query.append_pair("limit", &page.limit().to_string());
        query.finish()
    }
}

fn number<T: FromStr>(name: &'static str, digits: &str) -> Result<T, InvalidInput> {
    let number = text::digits(digits);
    number.ok_or_else(|| InvalidInput::new(name, "must be a whole number within its bounds"))
}
