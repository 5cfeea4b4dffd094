//! The same conversations in every run: any of them can be made by its number, so nothing but
//! what an engine needs is ever held in memory.
//!
//! 60/20/15/5 percent over the channels, 15 percent open, 30 percent unassigned, 60 percent on
//! 200 users (Zipf, 0.8), 10 percent on 10 teams. 100,000 of them have messages, 10 on average,
//! each with a text of 80 bytes. Ids ascend with the number, as ids that begin with the time do.

use std::sync::Arc;

use convodb::{AssigneeKind, Channel, DeliveryStatus, Direction, Priority, Status};

/// The number of no assignee; users are 1 to 200, teams 201 to 210.
pub const NOBODY: u16 = 0;
pub const USERS: u16 = 200;
pub const TEAMS: u16 = 10;
pub const MIN_SIZE: u32 = 1_000;

/// 2025-01-01T00:00:00Z.
const START_US: i64 = 1_735_689_600_000_000;
pub const DAY_US: i64 = 86_400_000_000;
const ACTIVE_DAYS: i64 = 30;
/// Long enough for 500 messages that share no millisecond.
const MIN_ACTIVE_US: i64 = 600_000_000;
const WITH_MESSAGES: u32 = 100_000;
/// So many conversations have exactly 10 messages, and as many 500.
const SPECIMENS: u32 = 8;
const SEED: u64 = 0x636F_6E76_6F64_6200;
const RANDOM_BITS: u32 = 80;

/// `SplitMix64`.
pub struct Rng(u64);

impl Rng {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// 0 to `end` - 1; the remainder's bias is far below what shows in a benchmark.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// A ULID's bits.
pub fn ulid(at_us: i64, rng: &mut Rng) -> u128 {
    let random = (u128::from(rng.next()) << 64 | u128::from(rng.next())) >> (128 - RANDOM_BITS);
    u128::from(at_us.unsigned_abs() / 1_000) << RANDOM_BITS | random
}

/// The two parts from which convodb makes an id.
pub const fn parts(id: u128) -> (u64, u128) {
    ((id >> RANDOM_BITS) as u64, id & ((1 << RANDOM_BITS) - 1))
}

const CONTACT_LEN: usize = 30;

#[derive(Clone)]
pub struct Conversation {
    pub number: u32,
    pub id: u128,
    contact: [u8; CONTACT_LEN],
    pub channel: Channel,
    pub status: Status,
    pub assignee: u16,
    pub created_us: i64,
    pub updated_us: i64,
    pub messages: u32,
}

impl Conversation {
    pub fn contact(&self) -> &str {
        std::str::from_utf8(&self.contact).unwrap_or_default()
    }

    /// Drawn apart from everything else, which stays what it was before there were views.
    const fn draws_for_views(&self) -> Rng {
        Rng::new(SEED.rotate_left(32) ^ Rng::new(self.number as u64).next())
    }

    /// Of a team that sorts its work: two in five have one. Only the cases of views store it.
    pub fn priority(&self) -> Option<Priority> {
        match self.draws_for_views().below(100) {
            0..5 => Some(Priority::Urgent),
            5..15 => Some(Priority::High),
            15..30 => Some(Priority::Medium),
            30..40 => Some(Priority::Low),
            _ => None,
        }
    }

    /// Since when the contact waits, as three in five do whose conversations are open: within the time
    /// of its messages. Only the cases of views store it.
    pub fn waiting_since_us(&self) -> Option<i64> {
        let mut rng = self.draws_for_views();
        rng.next();
        let waits = self.status == Status::Open && rng.below(5) < 3;
        let active_us = (self.updated_us - self.created_us).unsigned_abs();
        let since_us = self.created_us + rng.below(active_us).cast_signed();
        waits.then_some(since_us)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub id: u128,
    pub direction: Direction,
    pub status: DeliveryStatus,
    pub content: Box<str>,
    pub created_us: i64,
}

/// What decides where a conversation stands in which list: 16 bytes, so that ten million fit.
#[derive(Clone, Copy)]
pub struct Key {
    pub updated_us: i64,
    pub number: u32,
    pub assignee: u16,
    pub status: Status,
    pub channel: Channel,
}

/// Somebody whom conversations are assigned to.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignee {
    pub kind: AssigneeKind,
    pub id: Arc<str>,
    pub name: Arc<str>,
}

/// Everybody, by number.
#[derive(Clone)]
pub struct Directory(Arc<[Assignee]>);

impl Directory {
    fn new() -> Self {
        let user = |n| Assignee {
            kind: AssigneeKind::User,
            id: format!("usr_01H{n:023}").into(),
            name: format!("Agent {n:03} Support").into(),
        };
        let team = |n| Assignee {
            kind: AssigneeKind::Team,
            id: format!("team_01H{n:022}").into(),
            name: format!("Team {n:02} Support").into(),
        };
        Self((1..=USERS).map(user).chain((1..=TEAMS).map(team)).collect())
    }

    pub fn get(&self, number: u16) -> Option<&Assignee> {
        self.0.get(usize::from(number).checked_sub(1)?)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u16, &Assignee)> {
        (1..).zip(self.0.iter())
    }
}

/// In the order of their numbers.
impl FromIterator<Assignee> for Directory {
    fn from_iter<I: IntoIterator<Item = Assignee>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

pub struct Dataset {
    pub size: u32,
    pub days: u32,
    pub directory: Directory,
    /// The users' shares, summed up.
    shares: Vec<u64>,
    step_us: i64,
}

impl Dataset {
    pub fn new(size: u32, days: u32) -> Self {
        let shares = (1..=USERS).scan(0, |sum, rank| {
            *sum += (1e9 / f64::from(rank).powf(0.8)) as u64;
            Some(*sum)
        });
        Self {
            size,
            days,
            directory: Directory::new(),
            shares: shares.collect(),
            // Whole milliseconds, so that no two conversations begin in the same one.
            step_us: i64::from(days) * DAY_US / i64::from(size) / 1_000 * 1_000,
        }
    }

    /// The user in the middle, by the number of conversations.
    pub const fn median_user() -> u16 {
        USERS / 2
    }

    pub const fn team(rank: u16) -> u16 {
        USERS + 1 + rank
    }

    pub fn conversations(&self) -> impl Iterator<Item = Conversation> {
        (0..self.size).map(|number| self.conversation(number))
    }

    pub fn conversation(&self, number: u32) -> Conversation {
        let mut rng = Rng::new(SEED ^ Rng::new(u64::from(number)).next());
        let jitter = rng.below((self.step_us - 1_000).unsigned_abs().max(1));
        let created_us = START_US + i64::from(number) * self.step_us + jitter.cast_signed();
        let id = ulid(created_us, &mut rng);
        let channel = match rng.below(100) {
            0..60 => Channel::Whatsapp,
            60..80 => Channel::Instagram,
            80..95 => Channel::Messenger,
            _ => Channel::Webchat,
        };
        let status = match rng.below(100) {
            0..15 => Status::Open,
            _ => Status::Resolved,
        };
        Conversation {
            number,
            id,
            contact: contact(&mut rng),
            channel,
            status,
            assignee: self.draw(&mut rng),
            created_us,
            updated_us: created_us + active_us(&mut rng),
            messages: self.message_count(number, &mut rng),
        }
    }

    fn draw(&self, rng: &mut Rng) -> u16 {
        match rng.below(100) {
            0..30 => NOBODY,
            30..90 => {
                let all = self.shares.last().copied().unwrap_or(1);
                let drawn = rng.below(all);
                1 + self.shares.partition_point(|sum| *sum <= drawn) as u16
            }
            _ => Self::team(rng.below(u64::from(TEAMS)) as u16),
        }
    }

    /// Each so-manieth conversation has messages.
    fn stride(&self) -> u32 {
        (self.size / WITH_MESSAGES).max(1)
    }

    fn message_count(&self, number: u32, rng: &mut Rng) -> u32 {
        if !number.is_multiple_of(self.stride()) {
            return 0;
        }
        let rank = number / self.stride();
        let between = self.size.min(WITH_MESSAGES) / SPECIMENS;
        match rank % between {
            0 => 500,
            1 => 10,
            _ => 1 + rng.below(19) as u32,
        }
    }

    /// The numbers of conversations with 10 or with 500 messages.
    pub fn specimens(&self, messages: u32) -> impl Iterator<Item = u32> {
        let between = self.size.min(WITH_MESSAGES) / SPECIMENS;
        let place = u32::from(messages != 500);
        (0..SPECIMENS).map(move |rank| (rank * between + place) * self.stride())
    }

    /// Oldest first; no two in one millisecond, so that they are in the order of their ids too.
    pub fn messages(&self, of: &Conversation) -> impl Iterator<Item = Message> {
        let mut rng = Rng::new(!SEED ^ Rng::new(u64::from(of.number)).next());
        let (first, last) = (of.created_us, of.updated_us);
        let steps = i64::from(of.messages.max(2) - 1);
        let count = i64::from(of.messages);
        (0..count).map(move |nth| {
            // The first begins the conversation, the last is its latest activity.
            let created_us = match nth {
                0 => first,
                _ => last - (count - 1 - nth) * ((last - first) / steps),
            };
            let (direction, status) = match nth % 2 {
                0 => (Direction::Inbound, DeliveryStatus::Delivered),
                _ => (Direction::Outbound, DeliveryStatus::Sent),
            };
            Message {
                id: ulid(created_us, &mut rng),
                direction,
                status,
                content: text(rng.next()).into(),
                created_us,
            }
        })
    }

    /// Every conversation in the order of lists: latest activity first, then by id.
    pub fn sorted_keys(&self) -> Vec<Key> {
        let key = |c: Conversation| Key {
            updated_us: c.updated_us,
            number: c.number,
            assignee: c.assignee,
            status: c.status,
            channel: c.channel,
        };
        let mut keys: Vec<Key> = self.conversations().map(key).collect();
        // Ids ascend with numbers.
        keys.sort_unstable_by_key(|key| std::cmp::Reverse((key.updated_us, key.number)));
        keys
    }
}

/// Mostly hours, sometimes weeks.
fn active_us(rng: &mut Rng) -> i64 {
    let part = rng.below(1 << 32) as f64 / (1_u64 << 32) as f64;
    MIN_ACTIVE_US + (part.powi(4) * (ACTIVE_DAYS * DAY_US) as f64) as i64
}

fn contact(rng: &mut Rng) -> [u8; CONTACT_LEN] {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut contact = *b"con_01H00000000000000000000000";
    let mut bits = u128::from(rng.next()) << 64 | u128::from(rng.next());
    for byte in &mut contact[7..] {
        *byte = LETTERS[(bits & 31) as usize];
        bits >>= 5;
    }
    contact
}

/// 80 bytes, no two the same.
pub fn text(seed: u64) -> String {
    format!("Order {seed:016x} has not come for six days now: can somebody please look?!")
}
