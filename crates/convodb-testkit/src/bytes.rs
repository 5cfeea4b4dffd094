//! Operations and questions out of a stream of bytes: the one generator of property tests, fuzz
//! targets and crash tests.
//!
//! A stream that is used up goes on with zeros, so every stream means something, and a byte that
//! is made smaller means something simpler.

use convodb::{Channel, DeliveryStatus, StatusFilter};

use super::events::{CONSUMERS, Keep, RetentionPlan};
use super::keys::KEYS;
use super::op::{
    ASSIGNEES, Address, Body, CONTACTS, Meant, MessagePick, Op, Pick, ReceiptPlan, Sight,
    TargetsPlan, Who,
};
use super::plan::{Flaw, ImportPlan, Text, When};
use super::probe::{Edge, FilterPlan, Probe, RangePlan};
use super::provided::{PROVIDED, ProviderPlan};

/// What is left of a stream.
#[derive(Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }

    fn word(&mut self) -> u32 {
        u32::from_be_bytes([0, 0, self.byte(), self.byte()])
    }

    /// Once in so many times.
    fn once_in(&mut self, times: u8) -> bool {
        self.byte() % times == times - 1
    }

    fn channel(&mut self) -> Channel {
        Channel::ALL[usize::from(self.below(4))]
    }

    fn address(&mut self) -> Address {
        Address {
            contact: self.below(CONTACTS),
            channel: self.channel(),
        }
    }

    fn pick(&mut self) -> Pick {
        match self.byte() {
            number @ 0..=243 => Pick::Known(number),
            number => Pick::Unknown(number),
        }
    }

    fn sight(&mut self) -> Sight {
        match self.byte() {
            0..=159 => Sight::Present,
            number => Sight::Of(number % 8),
        }
    }

    fn who(&mut self) -> Who {
        Who(self.below(ASSIGNEES))
    }

    fn text(&mut self) -> Text {
        match self.byte() {
            243..=246 => Text::Long,
            247..=249 => Text::Empty,
            250..=253 => Text::Blank,
            254.. => Text::TooLong,
            number => Text::Short(number % 8),
        }
    }

    fn body(&mut self) -> Body {
        match self.byte() {
            200..=214 => Body::Template {
                params: self.below(4),
            },
            215..=224 => Body::RenderedTemplate(self.text()),
            225..=234 => Body::Image,
            235..=244 => Body::Document {
                caption: self.text(),
            },
            245..=248 => Body::UnnamedTemplate,
            249..=252 => Body::LocalImage,
            253.. => Body::HugeParams,
            _ => Body::Text(self.text()),
        }
    }

    fn when(&mut self) -> When {
        const SHIFTS: [i64; 12] = [
            0,
            -1_000,
            -1_000_000,
            -999_000,
            -1_500,
            -10_000_000_000,
            -3_600_000_000_000,
            -86_400_000_000_000,
            1_000,
            500,
            60_000_000_000,
            -1,
        ];
        match self.byte() {
            246..=247 => When::FirstMoment,
            248..=249 => When::LastMoment,
            250..=252 => When::TooEarly,
            253.. => When::TooLate,
            number => When::Shifted(SHIFTS[usize::from(number) % SHIFTS.len()]),
        }
    }

    fn sometimes<T>(&mut self, times: u8, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.once_in(times).then(|| value(self))
    }

    fn receipt(&mut self) -> ReceiptPlan {
        ReceiptPlan {
            status: [
                DeliveryStatus::Delivered,
                DeliveryStatus::Read,
                DeliveryStatus::Failed,
                DeliveryStatus::Sent,
            ][usize::from(self.below(4))],
            at: self.sometimes(2, Self::when),
            reason: self.sometimes(2, |bytes| bytes.below(3)),
        }
    }

    fn import(&mut self) -> ImportPlan {
        const LENGTHS: [u8; 8] = [1, 2, 0, 3, 7, 64, 65, 130];
        const FLAWS: [Flaw; 12] = [
            Flaw::BlankMessage,
            Flaw::ForeignMessage,
            Flaw::RepeatedMessage,
            Flaw::EarlyMessage,
            Flaw::BlankNote,
            Flaw::ForeignNote,
            Flaw::RepeatedNote,
            Flaw::UpdatedBeforeCreated,
            Flaw::LateCreation,
            Flaw::BlankName,
            Flaw::TooManyUnread,
            Flaw::RepeatedProviderId,
        ];
        ImportPlan {
            number: self.below(12),
            address: self.address(),
            resolved: self.once_in(2),
            assignee: self.sometimes(2, |bytes| (bytes.who(), bytes.text())),
            created_ago_ms: self.word() * 7,
            active_ms: self.word() * 8,
            messages: LENGTHS[usize::from(self.below(8))],
            notes: LENGTHS[usize::from(self.below(8))],
            unread: self.sometimes(3, |bytes| bytes.below(4)).unwrap_or(0),
            flaw: self.sometimes(6, |bytes| FLAWS[usize::from(bytes.below(12))]),
            provided: self.sometimes(2, |bytes| bytes.below(PROVIDED)),
        }
    }

    fn move_clock(&mut self) -> Op {
        const STEPS: [i64; 9] = [
            1,
            1_000,
            999,
            60_000_000,
            3_600_000_000,
            // An idempotency key is known for a day.
            86_400_000_001,
            -1,
            -1_000,
            -60_000_000,
        ];
        Op::MoveClock {
            micros: STEPS[usize::from(self.below(9))],
        }
    }

    fn provider_id(&mut self) -> Option<ProviderPlan> {
        match self.byte() {
            number @ 128..=249 => Some(ProviderPlan::Number(number % PROVIDED)),
            250..=252 => Some(ProviderPlan::Empty),
            253.. => Some(ProviderPlan::TooLong),
            _ => None,
        }
    }

    fn meant(&mut self) -> Meant {
        match self.byte() {
            number @ 0..=149 => {
                let conversation = self.pick();
                let message = if number < 130 {
                    MessagePick::Own(number)
                } else {
                    MessagePick::Foreign(number)
                };
                Meant::Id(conversation, message)
            }
            number => Meant::Provided(self.channel(), number % PROVIDED),
        }
    }

    fn age_ms(&mut self) -> u32 {
        const AGES_MS: [u32; 6] = [60_000, 0, 1, 3_600_000, 86_400_000, u32::MAX];
        AGES_MS[usize::from(self.below(6))]
    }

    fn targets(&mut self) -> TargetsPlan {
        if self.once_in(2) {
            let limit = self.below(6);
            TargetsPlan::First(self.filter(), u32::from(limit) + 1)
        } else {
            TargetsPlan::Ids((0..self.below(6)).map(|_| self.pick()).collect())
        }
    }

    /// A command that can stand in a transaction too.
    fn command(&mut self, kind: u8) -> Op {
        match kind {
            0..=31 => Op::Receive {
                from: self.address(),
                body: self.body(),
                sent_at: self.sometimes(3, Self::when),
                provider_id: self.provider_id(),
            },
            40..=43 => self.bulk(),
            44..=49 => Op::MarkRead {
                conversation: self.pick(),
                seen: self.sight(),
            },
            50..=64 => Op::Send {
                to: self.address(),
                body: self.body(),
                sent_at: self.sometimes(4, Self::when),
                provider_id: self.provider_id(),
                reopen: !self.once_in(2),
            },
            70..=84 => Op::Reply {
                conversation: self.pick(),
                body: self.body(),
                sent_at: self.sometimes(4, Self::when),
                provider_id: self.provider_id(),
                reopen: !self.once_in(2),
                address: self.sometimes(4, Self::address),
            },
            85..=95 => Op::RecordDelivery {
                of: self.meant(),
                receipt: self.receipt(),
            },
            96..=99 => Op::SetProviderId {
                of: self.meant(),
                number: self.below(PROVIDED),
            },
            100..=119 | 200..=203 => self.assignment(kind),
            192..=194 => self.consumption(),
            195 => {
                let older_ms = self.age_ms();
                if self.once_in(2) {
                    Op::PurgeKeys { older_ms }
                } else {
                    Op::PurgeParked { older_ms }
                }
            }
            120..=125 => Op::Resolve {
                conversation: self.pick(),
            },
            65..=69 | 126..=134 | 204..=209 => self.keyed(),
            32..=39 | 165..=169 => Op::Retry {
                number: self.below(KEYS),
            },
            241..=247 => self.guarded(kind),
            135..=144 => Op::AddNote {
                conversation: self.pick(),
                text: self.text(),
                author: self.sometimes(2, Self::who),
            },
            145..=149 => Op::Delete {
                conversation: self.pick(),
            },
            150..=151 => Op::EraseContact {
                contact: self.below(CONTACTS),
            },
            152..=164 => Op::PutAssignee {
                assignee: self.who(),
                name: self.text(),
            },
            170..=176 => Op::RemoveAssignee {
                assignee: self.who(),
                takeover: self.sometimes(2, Self::who),
            },
            177..=191 => Op::Import(self.import()),
            _ => self.move_clock(),
        }
    }

    fn bulk(&mut self) -> Op {
        let targets = self.targets();
        match self.sometimes(2, Self::who) {
            Some(assignee) => Op::AssignAll { targets, assignee },
            None => Op::ResolveAll { targets },
        }
    }

    /// A command with a key, which has none itself.
    fn keyed(&mut self) -> Op {
        let key = match self.byte() {
            number @ 0..=239 => number % KEYS,
            number => KEYS + number % 2,
        };
        let kind = self.byte();
        match self.command(kind) {
            op @ (Op::Keyed { .. } | Op::Retry { .. }) => op,
            op => Op::Keyed {
                key,
                op: Box::new(op),
            },
        }
    }

    fn assignment(&mut self, kind: u8) -> Op {
        let conversation = self.pick();
        match kind {
            100..=109 | 200..=203 => Op::Assign {
                conversation,
                assignee: self.who(),
            },
            110..=115 => Op::Claim {
                conversation,
                assignee: self.who(),
            },
            _ => Op::Unassign { conversation },
        }
    }

    /// A command that says what its giver saw.
    fn guarded(&mut self, kind: u8) -> Op {
        let (conversation, sight) = (self.pick(), self.sight());
        match kind {
            241..=243 => Op::AssignIf {
                conversation,
                assignee: self.who(),
                expected: sight,
            },
            244..=245 => Op::ReplyIf {
                conversation,
                revision: sight,
                body: self.body(),
                provider_id: self.provider_id(),
            },
            _ => Op::ResolveIf {
                conversation,
                revision: sight,
            },
        }
    }

    fn consumption(&mut self) -> Op {
        let consumer = self.below(CONSUMERS);
        match self.below(8) {
            0..=1 => Op::AddConsumer { consumer },
            2..=6 => Op::AckEvents {
                consumer,
                ahead: self.below(24),
            },
            _ => Op::RemoveConsumer { consumer },
        }
    }

    fn retention(&mut self) -> RetentionPlan {
        const AGES_MS: [u32; 4] = [60_000, 0, 1, 3_600_000];
        let keep = if self.once_in(2) {
            Keep::YoungerMs(AGES_MS[usize::from(self.below(4))])
        } else {
            Keep::Newest(self.below(24))
        };
        RetentionPlan {
            keep,
            force: self.once_in(4),
        }
    }

    /// The next operation.
    pub fn op(&mut self) -> Op {
        match self.byte() {
            210..=229 => {
                let commit = !self.once_in(3);
                let ops = (0..=self.below(4)).map(|_| self.nested()).collect();
                Op::Transaction { ops, commit }
            }
            230 | 237 => Op::Refile {
                most: self.below(8),
            },
            231..=235 => {
                let imports = (0..self.below(4)).map(|_| self.import()).collect();
                Op::ImportAll(imports)
            }
            196..=199 => Op::PurgeEvents(self.retention()),
            236 | 238 => Op::Reopen,
            239..=240 => Op::Compact,
            kind => self.command(kind),
        }
    }

    fn nested(&mut self) -> Op {
        let kind = self.byte();
        self.command(kind)
    }

    /// The next question.
    pub fn probe(&mut self) -> Probe {
        Probe {
            filter: self.filter(),
            page: u64::from(if self.once_in(4) {
                self.byte()
            } else {
                self.below(8)
            }) + 1,
            limit: [1, 2, 3, 5, 20, 100][usize::from(self.below(6))],
            range: RangePlan {
                conversation: self.byte(),
                from: self.edge(),
                to: self.edge(),
            },
            turns: u64::from_be_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    fn filter(&mut self) -> FilterPlan {
        FilterPlan {
            status: [
                StatusFilter::All,
                StatusFilter::Open,
                StatusFilter::Resolved,
            ][usize::from(self.below(3))],
            channels: self.sometimes(2, |bytes| bytes.below(16)).unwrap_or(0),
            unassigned: self.once_in(3),
            assignees: self
                .sometimes(2, |bytes| bytes.below(1 << ASSIGNEES))
                .unwrap_or(0),
            unread: self.once_in(3),
        }
    }

    fn edge(&mut self) -> Edge {
        let number = self.byte();
        match self.below(4) {
            0 => Edge::Open,
            1 => Edge::Message(number),
            _ => Edge::Time(number, self.when()),
        }
    }
}
