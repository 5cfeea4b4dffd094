//! Operations and questions out of a stream of bytes: the one generator of property tests, fuzz
//! targets and crash tests.
//!
//! A stream that is used up goes on with zeros, so every stream means something, and a byte that
//! is made smaller means something simpler.

mod commands;
mod messages;

use super::op::InboxPick;
use convodb::{Channel, DeliveryStatus, Sort, StatusFilter};

use super::lines::LinePlan;
use super::op::{
    ASSIGNEES, Address, CONTACTS, INBOXES, Op, Pick, ReceiptPlan, SelectionPlan, Sight, TeamPick,
    Who,
};
use super::plan::{Flaw, ImportPlan, Text, When};
use super::probe::{EVERY_TAG, Edge, FilterPlan, Probe, RangePlan, TagPlan};
use super::provided::{PROVIDED, ProviderPlan};
use super::views::{SORTS, VIEWS};

/// What is left of a stream.
#[derive(Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub(crate) fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }

    fn word(&mut self) -> u32 {
        u32::from_be_bytes([0, 0, self.byte(), self.byte()])
    }

    /// Once in so many times.
    pub(crate) fn once_in(&mut self, times: u8) -> bool {
        self.byte() % times == times - 1
    }

    pub(crate) fn inbox(&mut self) -> InboxPick {
        match self.below(10) {
            number @ 0..=6 => InboxPick::Own(Channel::ALL[usize::from(number % 4)]),
            number => InboxPick::Saved(number - 7),
        }
    }

    pub(crate) fn address(&mut self) -> Address {
        Address {
            contact: self.below(CONTACTS),
            inbox: self.inbox(),
        }
    }

    fn pick(&mut self) -> Pick {
        match self.byte() {
            number @ 0..=243 => Pick::Known(number),
            number => Pick::Unknown(number),
        }
    }

    pub(crate) fn sight(&mut self) -> Sight {
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

    pub(crate) fn when(&mut self) -> When {
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
            180..=245 => When::Second(self.below(3)),
            246..=247 => When::FirstSent,
            248..=249 => When::LastMoment,
            250 => When::BeforeFirstSent,
            251 => When::FirstMoment,
            252 => When::TooEarly,
            253.. => When::TooLate,
            number => When::Shifted(SHIFTS[usize::from(number) % SHIFTS.len()]),
        }
    }

    pub(crate) fn sometimes<T>(
        &mut self,
        times: u8,
        value: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        self.once_in(times).then(|| value(self))
    }

    fn receipt(&mut self) -> ReceiptPlan {
        ReceiptPlan {
            status: match self.byte() {
                250.. => DeliveryStatus::Pending,
                number => [
                    DeliveryStatus::Delivered,
                    DeliveryStatus::Read,
                    DeliveryStatus::Failed,
                    DeliveryStatus::Sent,
                    DeliveryStatus::Failed,
                ][usize::from(number % 5)],
            },
            at: self.sometimes(2, Self::when),
            reason: self.sometimes(2, |bytes| bytes.below(3)),
            played: self.once_in(4),
        }
    }

    pub fn import(&mut self) -> ImportPlan {
        const LENGTHS: [u8; 8] = [1, 2, 0, 3, 7, 64, 65, 130];
        const FLAWS: [Flaw; 14] = [
            Flaw::LongMessage,
            Flaw::ForeignMessage,
            Flaw::RepeatedMessage,
            Flaw::EarlyMessage,
            Flaw::LongNote,
            Flaw::ForeignNote,
            Flaw::RepeatedNote,
            Flaw::UpdatedBeforeCreated,
            Flaw::LateCreation,
            Flaw::BlankName,
            Flaw::TooManyUnread,
            Flaw::RepeatedProviderId,
            Flaw::WrongInboundCount,
            Flaw::HugeRevision,
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
            flaw: self.sometimes(6, |bytes| FLAWS[usize::from(bytes.below(14))]),
            provided: self.sometimes(2, |bytes| bytes.below(PROVIDED)),
            revision: self.sometimes(3, Self::byte).unwrap_or(0),
            has_inbound_count: self.once_in(2),
            is_rich: self.once_in(2),
        }
    }

    fn move_clock(&mut self) -> Op {
        const STEPS: [i64; 10] = [
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
            // More than a minute: a clock that was wrong.
            -7_200_000_000,
        ];
        Op::MoveClock {
            micros: STEPS[usize::from(self.below(10))],
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

    fn age_ms(&mut self) -> u32 {
        const AGES_MS: [u32; 6] = [60_000, 0, 1, 3_600_000, 86_400_000, u32::MAX];
        AGES_MS[usize::from(self.below(6))]
    }

    fn selection(&mut self) -> SelectionPlan {
        if self.once_in(2) {
            let limit = u32::from(self.below(6)) + 1;
            match self.sometimes(4, |bytes| bytes.below(VIEWS)) {
                Some(view) => SelectionPlan::OfView(view, limit),
                None => SelectionPlan::First(self.filter(), limit),
            }
        } else {
            SelectionPlan::Ids((0..self.below(6)).map(|_| self.pick()).collect())
        }
    }

    /// The next operation.
    pub fn op(&mut self) -> Op {
        match self.byte() {
            210..=229 => {
                let commit = !self.once_in(3);
                let reads = !self.once_in(2);
                let ops = (0..=self.below(4)).map(|_| self.nested()).collect();
                Op::Transaction { ops, reads, commit }
            }
            230 | 234..=235 | 237 => Op::Reassign {
                limit: [1, 7, 0, 2, 5, 30, 100, 250][usize::from(self.below(8))],
            },
            231..=233 => {
                let imports = (0..self.below(4)).map(|_| self.import()).collect();
                Op::ImportAll(imports)
            }
            241..=246 => {
                let lines = (0..=self.below(5)).map(|_| LinePlan::from_bytes(self));
                Op::ImportLines(lines.collect())
            }
            236 | 238 => Op::Restart,
            239..=240 => Op::Compact,
            253.. => self.change(),
            kind => self.command(kind),
        }
    }

    /// The next command, which can stand in a transaction.
    pub fn nested(&mut self) -> Op {
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
        let mut filter = FilterPlan {
            status: [
                StatusFilter::All,
                StatusFilter::Open,
                StatusFilter::Resolved,
            ][usize::from(self.below(3))],
            channels: self.sometimes(2, |bytes| bytes.below(16)).unwrap_or(0),
            inboxes: self
                .sometimes(4, |bytes| bytes.below(1 << (4 + INBOXES)))
                .unwrap_or(0),
            unassigned: self.once_in(3),
            assignees: self
                .sometimes(2, |bytes| bytes.below(1 << ASSIGNEES))
                .unwrap_or(0),
            members_of: self.sometimes(4, |bytes| TeamPick(bytes.below(ASSIGNEES / 3))),
            unread: match self.below(9) {
                0..=5 => None,
                number => Some(number != 6),
            },
            snoozed: self.sometimes(4, |bytes| bytes.below(2) == 0),
            contact: self.sometimes(6, |bytes| bytes.below(CONTACTS)),
            sort: match self.below(16) {
                0..=10 => Sort::LatestActivity,
                11..=14 => Sort::EarliestActivity,
                _ => SORTS[usize::from(self.below(7))],
            },
            teams: self.sometimes(6, |bytes| bytes.below(4)).unwrap_or(0),
            priorities: self.sometimes(6, |bytes| bytes.below(16)).unwrap_or(0),
            waiting: self.sometimes(6, |bytes| bytes.below(2) == 0),
            tags: self.sometimes(4, Self::tags).unwrap_or_default(),
        };
        // No resolved conversation is snoozed or waits, and a list of these is refused.
        if filter.status == StatusFilter::Resolved && !self.once_in(8) {
            let never = |it: Option<bool>| it.map(|_| false);
            (filter.snoozed, filter.waiting) = (never(filter.snoozed), never(filter.waiting));
        }
        filter
    }

    /// Mostly few, and mostly not contradictory.
    fn tags(&mut self) -> TagPlan {
        let mut one = || 1 << self.below(EVERY_TAG.count_ones() as u8);
        let (first, second, third, fourth) = (one(), one(), one(), one());
        let (any, none) = match self.below(4) {
            0 => (first | second | third, 0),
            1 => (first | second, third),
            2 => (0, third),
            _ => (0, 0),
        };
        let all = match self.below(4) {
            0 => first,
            1 => first | fourth,
            _ => 0,
        };
        TagPlan { any, all, none }
    }

    /// Of a view: of no contact and in no order, mostly.
    fn filter_of_view(&mut self) -> FilterPlan {
        let mut filter = self.filter();
        if !self.once_in(8) {
            filter.contact = None;
        }
        if !self.once_in(8) {
            filter.sort = Sort::LatestActivity;
        }
        filter
    }

    /// A command about a view.
    pub fn view(&mut self) -> Op {
        let view = self.below(VIEWS);
        if self.once_in(4) {
            return Op::RemoveView { view };
        }
        Op::SaveView {
            view,
            name: self.text(),
            sort: SORTS[usize::from(self.below(7))],
            filter: self.filter_of_view(),
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
