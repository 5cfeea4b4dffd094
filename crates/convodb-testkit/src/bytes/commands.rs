//! Commands out of bytes.

use convodb::{Channel, ConsumerStart, EventSeq};

use super::Bytes;
use crate::apply::About;
use crate::contacts::{ContactPick, ContactPlan, IdentifyPlan};
use crate::events::{CONSUMERS, Keep, RetentionPlan};
use crate::keys::KEYS;
use crate::op::{ASSIGNEES, CONTACTS, Condition, INBOXES, Op, TeamPick};
use crate::provided::PROVIDED;

impl Bytes<'_> {
    /// A command that can stand in a transaction too.
    pub(super) fn command(&mut self, kind: u8) -> Op {
        match kind {
            0..=25 => Op::Receive {
                from: self.address(),
                body: self.body(),
                sent_at: self.sometimes(3, Self::when),
                provider_id: self.provider_id(),
                reopen: !self.once_in(8),
                more: self.more(),
            },
            26..=31 | 33..=39 | 160..=164 | 186..=191 => self.change(),
            118..=119 => self.watermark(),
            40..=43 => self.bulk(),
            44..=49 | 120..=125 => Op::About {
                conversation: self.pick(),
                about: About::from_bytes(self),
            },
            50..=64 => Op::Send {
                to: self.address(),
                body: self.body(),
                sent_at: self.sometimes(4, Self::when),
                provider_id: self.provider_id(),
                reopen: !self.once_in(2),
                more: self.more(),
            },
            70..=84 => Op::Reply {
                conversation: self.pick(),
                body: self.body(),
                sent_at: self.sometimes(4, Self::when),
                provider_id: self.provider_id(),
                reopen: !self.once_in(2),
                more: self.more(),
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
            100..=117 | 200..=203 => self.assignment(kind),
            192..=194 => self.consumption(),
            195 => {
                let older_ms = self.age_ms();
                if self.once_in(4) {
                    Op::WakeDue
                } else if self.once_in(4) {
                    Op::DeleteResolved {
                        older_ms,
                        limit: self.below(3),
                    }
                } else if self.once_in(2) {
                    Op::PurgeKeys { older_ms }
                } else {
                    Op::PurgeUnmatched {
                        older_ms,
                        most: self.below(6),
                    }
                }
            }
            196..=199 => Op::PurgeEvents(self.retention()),
            65..=69 | 126..=134 | 204..=206 => self.keyed(),
            207..=209 => {
                let actor = self.who();
                self.within(|op| Op::By { actor, op })
            }
            32 | 165..=169 => Op::Retry {
                number: self.below(KEYS),
            },
            241..=247 => self.conditional(),
            141..=144 | 174..=175 => self.view(),
            135..=140 => {
                let note = Op::AddNote {
                    conversation: self.pick(),
                    text: self.text(),
                };
                match self.sometimes(2, Self::who) {
                    Some(actor) => Op::By {
                        actor,
                        op: Box::new(note),
                    },
                    None => note,
                }
            }
            145..=149 => Op::Delete {
                conversation: self.pick(),
            },
            150 => Op::EraseContact {
                contact: self.contact(),
            },
            151..=152 => Op::SaveContact {
                contact: self.contact(),
                plan: self.contact_plan(),
            },
            153..=154 => Op::Identify(IdentifyPlan {
                channel: Channel::ALL[usize::from(self.below(4))],
                contact: self.sometimes(2, Self::contact),
                first: self.identity(),
                second: self.sometimes(2, Self::identity),
                plan: self.contact_plan(),
                merge: self.once_in(2),
            }),
            155..=156 => Op::MergeContacts {
                from: self.contact(),
                into: self.contact(),
            },
            157 => Op::SaveInbox {
                inbox: self.below(INBOXES),
                elsewhere: self.once_in(8),
                name: self.text(),
            },
            158 => Op::SaveTeam {
                team: TeamPick(self.below(ASSIGNEES / 3)),
                name: self.text(),
                members: self.sometimes(2, |bytes| bytes.below(1 << ASSIGNEES)),
            },
            159 => Op::SaveAssignee {
                assignee: self.who(),
                name: self.text(),
            },
            170..=173 | 176 => Op::RemoveAssignee {
                assignee: self.who(),
                successor: self.sometimes(2, Self::who),
            },
            177..=185 => Op::Import(self.import()),
            _ => self.move_clock(),
        }
    }

    fn contact(&mut self) -> ContactPick {
        ContactPick(self.below(2 * CONTACTS))
    }

    fn contact_plan(&mut self) -> ContactPlan {
        ContactPlan {
            name: self.sometimes(2, |bytes| bytes.sometimes(4, Self::text)),
            metadata: self.sometimes(2, Self::value),
        }
    }

    fn bulk(&mut self) -> Op {
        let selection = self.selection();
        match self.sometimes(2, Self::who) {
            Some(assignee) => Op::AssignAll {
                selection,
                assignee,
            },
            None => Op::ResolveAll { selection },
        }
    }

    /// A command with a key, which has none itself.
    fn keyed(&mut self) -> Op {
        let key = match self.byte() {
            number @ 0..=239 => number % KEYS,
            number => KEYS + number % 2,
        };
        self.within(|op| Op::Keyed { key, op })
    }

    /// A command in a context, unless it has a key already.
    fn within(&mut self, context: impl FnOnce(Box<Op>) -> Op) -> Op {
        let kind = self.byte();
        match self.command(kind) {
            op @ (Op::Keyed { .. } | Op::Retry { .. }) => op,
            op => context(Box::new(op)),
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

    /// A command on what its giver saw of a conversation: mostly one that is about one, and mostly
    /// that one.
    fn conditional(&mut self) -> Op {
        let conversation = self.pick();
        let conditions = (0..=self.below(2)).map(|_| self.condition()).collect();
        let inner = match self.below(6) {
            0 | 3 => Op::About {
                conversation,
                about: About::from_bytes(self),
            },
            1 => Op::Assign {
                conversation,
                assignee: self.who(),
            },
            2 => Op::Reply {
                conversation,
                body: self.body(),
                sent_at: None,
                provider_id: self.provider_id(),
                reopen: true,
                more: self.more(),
                address: None,
            },
            4 => self.assignment(110),
            _ => {
                return self.within(|op| Op::Conditional {
                    conversation,
                    conditions,
                    op,
                });
            }
        };
        Op::Conditional {
            conversation,
            conditions,
            op: Box::new(inner),
        }
    }

    fn condition(&mut self) -> Condition {
        match self.below(3) {
            0 => Condition::Revision(self.sight()),
            1 => Condition::Assignee(self.sight()),
            _ => Condition::Status(self.sight()),
        }
    }

    fn consumption(&mut self) -> Op {
        let consumer = self.below(CONSUMERS);
        match self.below(8) {
            0..=1 => Op::AddConsumer {
                consumer,
                start: match self.below(64) {
                    0 => ConsumerStart::Oldest,
                    1 => ConsumerStart::Newest,
                    after => ConsumerStart::After(EventSeq::new(u64::from(after - 2))),
                },
            },
            2..=6 => Op::Acknowledge {
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
}
