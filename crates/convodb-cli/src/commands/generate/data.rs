//! Generated conversations: each is a function of the seed and its number.
//!
//! Invariant: no clock and no other source of randomness. All times are in 2025.

use chrono::{DateTime, TimeDelta, Utc};
use convodb::{
    Actor, Assignee, AssigneeId, Channel, ContactId, Content, Conversation, ConversationId,
    Deliveries, DeliveryStatus, Direction, Failure, Import, Message, MessageId, Note, NoteId,
    ProviderId, Status, TeamId, UserId,
};

/// 2025-01-01T00:00:00Z.
const START_MILLIS: u64 = 1_735_689_600_000;
const DAYS: i64 = 300;
/// The longest time between the first and the last message.
const ACTIVE_DAYS: u64 = 30;
const RANDOM_BITS: u32 = 80;

const USERS: [&str; 20] = [
    "Alice", "Bruno", "Chidi", "Dunja", "Emre", "Fatou", "Goran", "Hana", "Ines", "Jonas", "Kaito",
    "Leila", "Marta", "Noor", "Omar", "Petra", "Quinn", "Rosa", "Samir", "Tove",
];
const TEAMS: [&str; 4] = ["Billing", "Logistics", "Returns", "Support"];

const ASKED: [&str; 8] = [
    "Hello, where is my order {}?",
    "The parcel of order {} came open and half empty.",
    "Can I still change the address of order {}?",
    "I was charged twice for order {}.",
    "Order {} should have been here on Monday.",
    "How do I send back order {}?",
    "Thank you, that was quick!",
    "Is anybody there?",
];
const ANSWERED: [&str; 6] = [
    "Hi! We are looking into order {}.",
    "It left our warehouse this morning.",
    "We have sent a new one; keep the other.",
    "The amount is back on your card within three days.",
    "Would you send us a photo of it?",
    "Is there anything else that we can do for you?",
];
const NOTED: [&str; 3] = [
    "Customer is on the Enterprise plan.",
    "Second complaint about this carrier.",
    "Refund approved up to 50.",
];

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// 0 to `end` - 1. The bias of the remainder does not matter here.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let place = self.below(of.len() as u64) as usize;
        of.get(place).copied().unwrap_or_default()
    }

    /// The random part of an id.
    fn ulid(&mut self) -> u128 {
        (u128::from(self.next()) << 64 | u128::from(self.next())) >> (128 - RANDOM_BITS)
    }
}

pub(super) struct Dataset {
    seed: u64,
    /// The time between the first messages of two conversations.
    step: TimeDelta,
}

fn user_id(number: usize) -> Option<UserId> {
    UserId::new(&format!("usr_{:02}", number + 1)).ok()
}

fn team_id(number: usize) -> Option<TeamId> {
    TeamId::new(&format!("team_{:02}", number + 1)).ok()
}

fn millis(at: DateTime<Utc>) -> u64 {
    at.timestamp_millis().unsigned_abs()
}

impl Dataset {
    pub(super) fn new(seed: u64, size: u32) -> Self {
        Self {
            seed,
            step: TimeDelta::days(DAYS) / size.max(1).cast_signed(),
        }
    }

    pub(super) fn users(&self) -> impl Iterator<Item = (UserId, String)> {
        let named = |(number, name): (usize, &&str)| Some((user_id(number)?, (*name).to_owned()));
        USERS.iter().enumerate().filter_map(named)
    }

    pub(super) fn teams(&self) -> impl Iterator<Item = (TeamId, String)> {
        let named = |(number, name): (usize, &&str)| Some((team_id(number)?, (*name).to_owned()));
        TEAMS.iter().enumerate().filter_map(named)
    }

    /// The conversation of a number. It is always `Some`.
    pub(super) fn conversation(&self, number: u32) -> Option<Import> {
        let of_seed = Random(self.seed).next();
        let mut random = Random(Random(of_seed ^ u64::from(number)).next());
        let begun = DateTime::from_timestamp_millis(START_MILLIS.cast_signed())?
            + self.step * number.cast_signed();
        let id = ConversationId::from_parts(millis(begun), random.ulid());
        let contact = ConversationId::from_parts(START_MILLIS, random.ulid()).to_string();
        let contact = ContactId::new(&contact.replacen("conv_", "con_", 1)).ok()?;
        let channel = match random.below(100) {
            0..60 => Channel::Whatsapp,
            60..80 => Channel::Instagram,
            80..95 => Channel::Messenger,
            _ => Channel::Webchat,
        };
        let mut conversation = Conversation::new(id, contact, channel, begun);
        conversation.status = match random.below(100) {
            0..15 => Status::Open,
            _ => Status::Resolved,
        };
        conversation.assigned_to = assignee(&mut random);
        let messages = self.messages(number, &conversation, &mut random);
        conversation.updated_at = messages.last().map_or(begun, |last| last.created_at);
        let ends_inbound = messages
            .last()
            .is_some_and(|last| last.direction == Direction::Inbound);
        if conversation.status == Status::Open && ends_inbound && random.one_in(2) {
            conversation.unread_count = 1;
        }
        let notes = notes(&conversation, &mut random);
        if let Some(last) = notes.last() {
            conversation.updated_at = conversation.updated_at.max(last.created_at);
        }
        Some(Import::new(conversation, messages).notes(notes))
    }

    /// One to eight messages, alternately from and to the contact.
    fn messages(&self, number: u32, of: &Conversation, random: &mut Random) -> Vec<Message> {
        let count = 1 + random.below(8);
        let order = random.below(1_000_000);
        let active = random.below(ACTIVE_DAYS * 86_400).cast_signed();
        let mut messages = Vec::new();
        for nth in 0..count {
            let since = active * nth.cast_signed() / count.cast_signed();
            let at =
                of.created_at + TimeDelta::seconds(since) + TimeDelta::seconds(nth.cast_signed());
            let (direction, texts) = match nth % 2 {
                0 => (Direction::Inbound, ASKED.as_slice()),
                _ => (Direction::Outbound, ANSWERED.as_slice()),
            };
            let text = random.pick(texts).replace("{}", &format!("{order:06}"));
            let id = MessageId::from_parts(millis(at), random.ulid());
            let mut message = Message::new(id, of.id, direction, Content::text(text), at);
            let provider_id = format!("made.{}.{number}.{nth}", self.seed);
            message.provider_id = ProviderId::new(&provider_id).ok();
            if direction == Direction::Outbound {
                deliver(&mut message, random);
            }
            messages.push(message);
        }
        messages
    }
}

fn assignee(random: &mut Random) -> Option<Assignee> {
    let (id, name) = match random.below(100) {
        0..30 => return None,
        // The first users have more than the last.
        30..90 => {
            let bound = 1 + random.below(USERS.len() as u64);
            let number = random.below(bound) as usize;
            (AssigneeId::from(user_id(number)?), USERS.get(number)?)
        }
        _ => {
            let number = random.below(TEAMS.len() as u64) as usize;
            (AssigneeId::from(team_id(number)?), TEAMS.get(number)?)
        }
    };
    Some(Assignee::new(id, name))
}

fn deliver(message: &mut Message, random: &mut Random) {
    let after = |seconds| Some(message.created_at + TimeDelta::seconds(seconds));
    let mut deliveries = Deliveries::default();
    deliveries.sent_at = after(1);
    message.status = match random.below(100) {
        0..3 => {
            deliveries.failed_at = after(2);
            deliveries.failure = Some(Box::new(Failure::new("131026", "undeliverable")));
            DeliveryStatus::Failed
        }
        3..20 => {
            deliveries.delivered_at = after(3);
            DeliveryStatus::Delivered
        }
        _ => {
            deliveries.delivered_at = after(3);
            deliveries.read_at = after(60);
            DeliveryStatus::Read
        }
    };
    message.deliveries = deliveries;
}

/// One conversation in twenty has a note.
fn notes(of: &Conversation, random: &mut Random) -> Vec<Note> {
    if !random.one_in(20) {
        return Vec::new();
    }
    let at = of.created_at + TimeDelta::minutes(10);
    let id = NoteId::from_parts(millis(at), random.ulid());
    let mut note = Note::new(id, of.id, random.pick(&NOTED), at);
    note.author = of
        .assigned_to
        .as_ref()
        .and_then(|assignee| Actor::new(assignee.id.as_str()).ok());
    vec![note]
}
