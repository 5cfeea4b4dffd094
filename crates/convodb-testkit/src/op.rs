//! The operations of a harness, as plain values.
//!
//! They name contacts, users and conversations by small numbers, so that random runs collide
//! often: the model knows which conversation a number means at the moment.

use convodb::{
    Actor, AssigneeId, Channel, ConsumerStart, ContactId, Context, Conversation, DeliveryStatus,
    Direction, InboxId, InboxRef, Receipt, Sort, Status, TeamId, UserId,
};

use super::apply::About;
pub use super::body::Body;
use super::changes::Change;
use super::contacts::{ContactPick, ContactPlan, IdentifyPlan};
use super::events::RetentionPlan;
use super::keys;
pub use super::lines::LinePlan;
use super::more::More;
use super::plan::{ImportPlan, Text, When};
use super::probe::FilterPlan;
use super::provided::ProviderPlan;

/// So many contacts, on four channels each.
pub const CONTACTS: u8 = 6;

/// So many inboxes that are saved or not, beside the four channels' own.
pub const INBOXES: u8 = 3;

/// The nameless inbox of a channel, or one that a harness saves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InboxPick {
    Own(Channel),
    Saved(u8),
}

impl InboxPick {
    pub fn all() -> impl Iterator<Item = Self> {
        let own = Channel::ALL.into_iter().map(Self::Own);
        own.chain((0..INBOXES).map(Self::Saved))
    }

    /// That of a conversation that a store shows.
    pub fn of(conversation: &Conversation) -> Self {
        match &conversation.inbox_id {
            None => Self::Own(conversation.channel),
            Some(id) => (0..INBOXES)
                .map(Self::Saved)
                .find(|one| one.id().as_ref() == Some(id))
                .expect("a harness names its inboxes"),
        }
    }

    pub fn id(self) -> Option<InboxId> {
        match self {
            Self::Own(_) => None,
            Self::Saved(number) => {
                Some(InboxId::new(&format!("inb_{number}")).expect("it is short"))
            }
        }
    }

    /// The channel that it has, or that it is saved with. Two are of one channel.
    pub fn channel(self) -> Channel {
        match self {
            Self::Own(channel) => channel,
            Self::Saved(0 | 1) => Channel::Whatsapp,
            Self::Saved(_) => Channel::Webchat,
        }
    }
}

impl From<Channel> for InboxPick {
    fn from(channel: Channel) -> Self {
        Self::Own(channel)
    }
}

impl From<InboxPick> for InboxRef {
    fn from(inbox: InboxPick) -> Self {
        match inbox.id() {
            Some(id) => id.into(),
            None => inbox.channel().into(),
        }
    }
}

/// So many users and teams, which the directory knows or not.
pub const ASSIGNEES: u8 = 6;

/// What a harness does to a store.
#[derive(Clone, Debug)]
pub enum Op {
    Receive {
        from: Address,
        body: Body,
        sent_at: Option<When>,
        provider_id: Option<ProviderPlan>,
        reopen: bool,
        more: More,
    },
    Send {
        to: Address,
        body: Body,
        sent_at: Option<When>,
        provider_id: Option<ProviderPlan>,
        reopen: bool,
        more: More,
    },
    Reply {
        conversation: Pick,
        body: Body,
        sent_at: Option<When>,
        provider_id: Option<ProviderPlan>,
        reopen: bool,
        more: More,
        /// The address of an outbound message that is given as a reply.
        address: Option<Address>,
    },
    RecordDelivery {
        of: Meant,
        receipt: ReceiptPlan,
    },
    SetProviderId {
        of: Meant,
        number: u8,
    },
    /// What becomes of a message.
    Change {
        of: Meant,
        change: Change,
    },
    /// All messages to a contact until a time were delivered or read.
    Watermark {
        of: UpTo,
        status: DeliveryStatus,
    },
    /// Ends the snoozes that are over.
    WakeDue,
    /// Purges the receipts that have waited this long for their messages.
    PurgeUnmatched {
        older_ms: u32,
        most: u8,
    },
    /// Deletes resolved conversations of this age.
    DeleteResolved {
        older_ms: u32,
        limit: u8,
    },
    Assign {
        conversation: Pick,
        assignee: Who,
    },
    Unassign {
        conversation: Pick,
    },
    Claim {
        conversation: Pick,
        assignee: Who,
    },
    /// A command about one conversation as a whole.
    About {
        conversation: Pick,
        about: About,
    },
    AddNote {
        conversation: Pick,
        text: Text,
    },
    Delete {
        conversation: Pick,
    },
    EraseContact {
        contact: ContactPick,
    },
    Identify(IdentifyPlan),
    MergeContacts {
        from: ContactPick,
        into: ContactPick,
    },
    SaveContact {
        contact: ContactPick,
        plan: ContactPlan,
    },
    SaveAssignee {
        assignee: Who,
        name: Text,
    },
    SaveTeam {
        team: TeamPick,
        name: Text,
        /// As bits, whether they are in the directory or not. Without them, those that it has stay.
        members: Option<u8>,
    },
    SaveInbox {
        inbox: u8,
        /// Whether it asks for another channel than the inbox has, where that was saved.
        elsewhere: bool,
        name: Text,
    },
    RemoveAssignee {
        assignee: Who,
        successor: Option<Who>,
    },
    SaveView {
        view: u8,
        name: Text,
        filter: FilterPlan,
        sort: Sort,
    },
    RemoveView {
        view: u8,
    },
    AssignAll {
        selection: SelectionPlan,
        assignee: Who,
    },
    ResolveAll {
        selection: SelectionPlan,
    },
    /// A command of an actor.
    By {
        actor: Who,
        op: Box<Op>,
    },
    /// A command with preconditions, about the conversation that it is about or another one.
    Conditional {
        conversation: Pick,
        conditions: Vec<Condition>,
        op: Box<Op>,
    },
    /// A command with an idempotency key.
    Keyed {
        key: u8,
        op: Box<Op>,
    },
    /// One of the commands that were given with keys, once more; nothing if none was.
    Retry {
        number: u8,
    },
    /// Purges the idempotency keys of commands that were done this long ago.
    PurgeKeys {
        older_ms: u32,
    },
    Import(ImportPlan),
    /// All of them or none.
    ImportAll(Vec<ImportPlan>),
    /// Each for itself, in one commit.
    ImportLines(Vec<LinePlan>),
    /// Several commands as one; rolled back unless it commits.
    Transaction {
        ops: Vec<Op>,
        /// Whether it is read after each of them, or only after the last one.
        reads: bool,
        commit: bool,
    },
    /// The clock goes forward or is set back.
    MoveClock {
        micros: i64,
    },
    Restart,
    Compact,
    /// Stores at most this many conversations of removed assignees under their successors, or builds a
    /// part of a view where none is left.
    Reassign {
        limit: u8,
    },
    AddConsumer {
        consumer: u8,
        start: ConsumerStart,
    },
    /// Of events from two before its position on.
    Acknowledge {
        consumer: u8,
        ahead: u8,
    },
    RemoveConsumer {
        consumer: u8,
    },
    PurgeEvents(RetentionPlan),
}

impl Op {
    /// The context that a command is given in, but for its preconditions.
    pub fn context(&self) -> Context {
        match self {
            Self::By { actor, op } => op.context().actor(actor.actor()),
            Self::Keyed { key, op } => op.context().idempotency_key(keys::text(*key)),
            Self::Conditional { op, .. } => op.context(),
            _ => Context::new(),
        }
    }

    /// Whether the command is about one conversation, so that it honours preconditions.
    pub fn is_conditional(&self) -> bool {
        matches!(
            self,
            Self::Receive { .. }
                | Self::Send { .. }
                | Self::Reply { .. }
                | Self::RecordDelivery { .. }
                | Self::SetProviderId { .. }
                | Self::Change { .. }
                | Self::Watermark { .. }
                | Self::Assign { .. }
                | Self::Unassign { .. }
                | Self::Claim { .. }
                | Self::About { .. }
                | Self::AddNote { .. }
                | Self::Delete { .. }
        )
    }

    /// By how many microseconds it moves the clock, within whatever context. It is no command then.
    pub fn clock_step(&self) -> Option<i64> {
        match self {
            Self::MoveClock { micros } => Some(*micros),
            Self::By { op, .. } | Self::Conditional { op, .. } | Self::Keyed { op, .. } => {
                op.clock_step()
            }
            _ => None,
        }
    }

    /// Whether it ends the snapshots that are held.
    pub fn ends_snapshots(&self) -> bool {
        matches!(self, Self::Restart | Self::Compact)
    }
}

/// What the giver of a command saw of a conversation.
#[derive(Clone, Copy, Debug)]
pub enum Condition {
    Revision(Sight),
    Assignee(Sight),
    Status(Sight),
}

/// A contact in an inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    pub contact: u8,
    pub inbox: InboxPick,
}

pub fn contact(number: u8) -> ContactId {
    ContactId::new(&format!("con_{number}")).unwrap()
}

impl Address {
    pub fn contact_id(self) -> ContactId {
        contact(self.contact)
    }
}

/// One of the conversations that are there, or one that is not.
#[derive(Clone, Copy, Debug)]
pub enum Pick {
    Known(u8),
    Unknown(u8),
}

/// What somebody saw of a conversation before giving a command.
#[derive(Clone, Copy, Debug)]
pub enum Sight {
    /// What is still so.
    Present,
    /// What a number says; it may be so by chance.
    Of(u8),
}

/// One of a conversation's messages, or an id that belongs to another conversation or to none.
#[derive(Clone, Copy, Debug)]
pub enum MessagePick {
    Own(u8),
    Foreign(u8),
}

/// A message, by its own id, by its provider's on a inbox, or by its sender's reference.
#[derive(Clone, Copy, Debug)]
pub enum Meant {
    Id(Pick, MessagePick),
    Provided(InboxPick, u8),
    Reference(InboxPick, Direction, u8),
}

/// Which messages a watermark is about.
#[derive(Clone, Copy, Debug)]
pub enum UpTo {
    Conversation(Pick, When),
    Contact(Address, When),
    Message(Meant),
}

/// The conversations of a bulk command: by their ids, or the first of a list.
#[derive(Clone, Debug)]
pub enum SelectionPlan {
    Ids(Vec<Pick>),
    First(FilterPlan, u32),
    /// Of the view of a number.
    OfView(u8, u32),
}

/// A user or team, whether the directory knows it or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who(pub u8);

/// A team among those, whether the directory knows it or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TeamPick(pub u8);

impl TeamPick {
    pub fn all() -> impl Iterator<Item = Self> {
        (0..ASSIGNEES / 3).map(Self)
    }

    pub fn id(self) -> TeamId {
        match Who(self.0 * 3 + 2).id() {
            AssigneeId::Team(id) => id,
            AssigneeId::User(id) => panic!("{id} is a user"),
        }
    }
}

impl Who {
    /// The users among bits of these.
    pub fn users(bits: u8) -> impl Iterator<Item = UserId> {
        let users = Self::all().filter(move |who| bits & (1 << who.0) != 0);
        users.filter_map(|who| match who.id() {
            AssigneeId::User(id) => Some(id),
            AssigneeId::Team(_) => None,
        })
    }

    pub fn all() -> impl Iterator<Item = Self> {
        (0..ASSIGNEES).map(Self)
    }

    /// Two of three are users.
    pub fn id(self) -> AssigneeId {
        let Self(number) = self;
        let prefix = if number % 3 == 2 { "team" } else { "usr" };
        AssigneeId::new(&format!("{prefix}_{number}")).unwrap()
    }

    pub fn actor(self) -> Actor {
        Actor::new(self.id().as_str()).unwrap()
    }
}

/// What every failure's reason says besides its code.
pub const FAILURE_MESSAGE: &str = "undeliverable";

/// A provider's word about a message.
#[derive(Clone, Copy, Debug)]
pub struct ReceiptPlan {
    pub status: DeliveryStatus,
    pub at: Option<When>,
    /// Which reason a failure gives, if one.
    pub reason: Option<u8>,
    /// Whether one that says `read` says that the contact heard it too.
    pub played: bool,
}

impl ReceiptPlan {
    pub fn is_played(self) -> bool {
        self.played && self.status == DeliveryStatus::Read
    }

    pub fn code(self) -> Option<String> {
        match (self.status, self.reason) {
            (DeliveryStatus::Failed, Some(reason)) => Some(format!("13102{reason}")),
            _ => None,
        }
    }

    pub fn receipt(self, clock: chrono::DateTime<chrono::Utc>) -> Receipt {
        let receipt = match self.code() {
            Some(code) => Receipt::failed(code, FAILURE_MESSAGE),
            None if self.is_played() => Receipt::played(),
            None => Receipt::new(self.status),
        };
        match self.at {
            Some(at) => receipt.at(at.time(clock)),
            None => receipt,
        }
    }
}

/// The status of an imported conversation, without the specification's words.
pub fn status(resolved: bool) -> Status {
    if resolved {
        Status::Resolved
    } else {
        Status::Open
    }
}
