//! Conversations that are the same in every run: 60/20/15/5 percent per channel, 15 percent open, 30
//! percent unassigned, 60 percent assigned to 200 users of whom few have many, 10 percent to teams.

use chrono::{DateTime, Duration, Utc};
use convodb::{
    Assignee, AssigneeId, Channel, ContactId, Content, Conversation, ConversationId, Direction,
    Import, Message, MessageId, Status, TeamId, UserId,
};

pub(crate) const USER_PREFIX: &str = "usr_01H";
pub(crate) const TEAM_PREFIX: &str = "team_";
const USERS: usize = 200;
const TEAMS: usize = 10;
/// 2025-01-01T00:00:00Z.
const EPOCH_US: i64 = 1_735_689_600_000_000;
const DAY_US: u64 = 86_400_000_000;
/// 80 bytes.
pub(crate) const TEXT: &str =
    "I have been waiting for my order for six days now, can somebody please look, hm?";

/// The number of messages of each conversation.
#[derive(Clone, Copy)]
pub(crate) enum History {
    /// 10 on average for a tenth of them, one for the others; the first has 10, the second 500.
    Mixed,
    /// This number.
    Each(u64),
}

/// `SplitMix64`.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// 0 to `end` - 1. The bias of the remainder is far below what a benchmark measures.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

pub(crate) fn user(rank: usize) -> AssigneeId {
    let id = format!("{USER_PREFIX}{rank:023}");
    UserId::new(&id).unwrap().into()
}

pub(crate) fn team(rank: usize) -> AssigneeId {
    let id = format!("{TEAM_PREFIX}{rank}");
    TeamId::new(&id).unwrap().into()
}

/// The users and teams that conversations are assigned to, and the shares of the users.
struct Directory {
    users: Vec<Assignee>,
    teams: Vec<Assignee>,
    /// The n-th user has 1/n of the share of the first; cumulative.
    shares: Vec<u64>,
}

impl Directory {
    fn new() -> Self {
        let named = |id: AssigneeId| {
            let name = format!("The name of {id}");
            Assignee::new(id, &name)
        };
        let shares = (1..=USERS as u64).scan(0, |sum, rank| {
            *sum += 1_000_000 / rank;
            Some(*sum)
        });
        Self {
            users: (0..USERS).map(|rank| named(user(rank))).collect(),
            teams: (0..TEAMS).map(|rank| named(team(rank))).collect(),
            shares: shares.collect(),
        }
    }

    fn draw(&self, rng: &mut Rng) -> Option<Assignee> {
        match rng.below(100) {
            0..30 => None,
            30..90 => {
                let drawn = rng.below(*self.shares.last().unwrap());
                let rank = self.shares.partition_point(|sum| *sum <= drawn);
                self.users.get(rank).cloned()
            }
            _ => self.teams.get(rng.below(TEAMS as u64) as usize).cloned(),
        }
    }
}

/// This number of conversations, in no order.
pub(crate) fn imports(count: u64, history: History) -> impl Iterator<Item = Import> {
    let directory = Directory::new();
    let mut rng = Rng(count);
    (0..count).map(move |number| {
        let messages = match history {
            History::Each(messages) => messages,
            History::Mixed => match number {
                0 => 10,
                1 => 500,
                _ if rng.below(10) == 0 => 1 + rng.below(19),
                _ => 1,
            },
        };
        import(&mut rng, &directory, messages)
    })
}

fn import(rng: &mut Rng, directory: &Directory, messages: u64) -> Import {
    let created_at = time(rng.below(90 * DAY_US));
    let millis = created_at.timestamp_millis().unsigned_abs();
    let id = ConversationId::from_parts(millis, u128::from(rng.next()));
    let contact = ContactId::new(&format!("con_{:026}", rng.next())).unwrap();
    let channel = match rng.below(100) {
        0..60 => Channel::Whatsapp,
        60..80 => Channel::Instagram,
        80..95 => Channel::Messenger,
        _ => Channel::Webchat,
    };
    let mut conversation = Conversation::new(id, contact, channel, created_at);
    if rng.below(100) >= 15 {
        conversation.status = Status::Resolved;
    }
    conversation.assigned_to = directory.draw(rng);
    let messages: Vec<Message> = (0..messages)
        .scan(created_at, |at, number| {
            let message = message(rng, id, number, *at);
            *at += Duration::microseconds(1 + rng.below(DAY_US).cast_signed());
            Some(message)
        })
        .collect();
    conversation.updated_at = messages.last().unwrap().created_at;
    // As the import counts them.
    let inbound = messages
        .iter()
        .filter(|message| message.direction == Direction::Inbound);
    conversation.inbound_count = inbound.count() as u64;
    Import::new(conversation, messages)
}

fn message(rng: &mut Rng, id: ConversationId, number: u64, at: DateTime<Utc>) -> Message {
    let millis = at.timestamp_millis().unsigned_abs();
    let direction = match number % 2 {
        0 => Direction::Inbound,
        _ => Direction::Outbound,
    };
    let message = MessageId::from_parts(millis, u128::from(rng.next()));
    Message::new(message, id, direction, Content::text(TEXT), at)
}

fn time(offset_us: u64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(EPOCH_US + offset_us.cast_signed()).unwrap()
}
