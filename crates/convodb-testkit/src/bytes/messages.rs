//! What messages are and become, out of bytes.

use convodb::{DeliveryStatus, Direction};

use super::Bytes;
use crate::body::Body;
use crate::changes::{AttachmentPlan, Change};
use crate::contacts::{Called, IDENTITIES};
use crate::more::{Answered, By, More, NAMES, REFERENCES};
use crate::op::{CONTACTS, Meant, MessagePick, Op, UpTo};
use crate::provided::PROVIDED;

impl Bytes<'_> {
    pub(super) fn body(&mut self) -> Body {
        match self.byte() {
            200..=208 => Body::Template {
                params: self.below(4),
            },
            209..=213 => Body::RenderedTemplate(self.text()),
            214..=219 => Body::Image,
            220..=224 => Body::Document {
                caption: self.text(),
            },
            225..=248 => self.rare_body(),
            249 => Body::UnnamedTemplate,
            250..=251 => Body::LocalImage,
            252 => Body::FarLocation,
            253.. => Body::HugeParams,
            _ => Body::Text(self.text()),
        }
    }

    fn rare_body(&mut self) -> Body {
        match self.below(14) {
            0..=1 => Body::Unsupported {
                said: self.sometimes(2, Self::text),
            },
            2..=3 => Body::System,
            4 => Body::Images {
                caption: self.text(),
            },
            5 => Body::Voice,
            6 => Body::Video {
                caption: self.text(),
            },
            7 => Body::Sticker,
            8 => Body::Link,
            9 => Body::TextWithLink(self.text()),
            10 => Body::Location,
            11 => Body::Contacts,
            12 => Body::Choice {
                said: self.sometimes(2, Self::text),
            },
            _ => Body::SpacedUrl,
        }
    }

    /// Most messages have nothing more.
    pub(super) fn more(&mut self) -> More {
        if !self.once_in(3) {
            return More::default();
        }
        More {
            reference: self.sometimes(3, |bytes| match bytes.byte() {
                252.. => REFERENCES,
                number => number % REFERENCES,
            }),
            pending: self.once_in(3),
            echo: self.once_in(4),
            alias: self.sometimes(5, |bytes| bytes.below(PROVIDED)),
            placeholder: self.once_in(6),
            reply_to: self.sometimes(4, Self::answered),
            forwarded: self.once_in(8),
            raw: self.once_in(4),
            metadata: self.sometimes(4, |bytes| match bytes.byte() {
                252.. => (NAMES, 0),
                number => (number % NAMES, bytes.below(4)),
            }),
            author: self.sometimes(4, Self::by),
            called: self.sometimes(2, |bytes| Called {
                first: bytes.identity(),
                second: bytes.sometimes(2, Self::identity),
                alone: bytes.once_in(2),
            }),
        }
        .without_both()
    }

    pub(super) fn identity(&mut self) -> u8 {
        match self.byte() {
            252.. => IDENTITIES,
            number => number % IDENTITIES,
        }
    }

    /// A name of the caller's own values, and its value or none.
    pub(super) fn value(&mut self) -> (u8, Option<u8>) {
        let name = match self.byte() {
            250.. => NAMES,
            number => number % NAMES,
        };
        (name, self.sometimes(2, |bytes| bytes.below(4)))
    }

    fn answered(&mut self) -> Answered {
        match self.byte() {
            number @ 0..=99 => Answered::Message(MessagePick::Own(number)),
            number @ 100..=149 => Answered::Message(MessagePick::Foreign(number)),
            number => Answered::Provided(number % PROVIDED),
        }
    }

    fn by(&mut self) -> By {
        match self.byte() {
            0..=139 => By::Contact,
            number @ 140..=199 => By::User(number % 4),
            number => By::Bot(number % 2),
        }
    }

    pub(super) fn meant(&mut self) -> Meant {
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
            number @ 150..=234 => Meant::Provided(self.inbox(), number % PROVIDED),
            number => {
                let direction = match self.once_in(3) {
                    false => Direction::Outbound,
                    true => Direction::Inbound,
                };
                Meant::Reference(self.inbox(), direction, number % REFERENCES)
            }
        }
    }

    pub(super) fn change(&mut self) -> Op {
        let kind = self.below(16);
        Op::Change {
            of: self.meant(),
            change: match kind {
                0..=3 => Change::React {
                    by: self.by(),
                    emoji: self.below(5),
                    at: self.sometimes(2, Self::when),
                },
                4..=6 => Change::Edit {
                    contact: self.sometimes(2, |bytes| bytes.below(CONTACTS)),
                    body: self.body(),
                    at: self.sometimes(2, Self::when),
                },
                7..=8 => Change::Revoke {
                    by: self.by(),
                    at: self.sometimes(3, Self::when),
                    keep_content: self.once_in(4),
                },
                9..=12 => Change::TryAgain,
                13..=14 => Change::Update {
                    attachment: self.sometimes(2, |bytes| AttachmentPlan {
                        index: bytes.below(3),
                        what: bytes.below(3),
                    }),
                    metadata: self.sometimes(2, Self::value),
                },
                _ => Change::Fill { body: self.body() },
            },
        }
    }

    pub(super) fn watermark(&mut self) -> Op {
        let status = match self.byte() {
            0..=119 => DeliveryStatus::Read,
            120..=239 => DeliveryStatus::Delivered,
            _ => DeliveryStatus::Sent,
        };
        let of = match self.below(3) {
            0 => UpTo::Conversation(self.pick(), self.when()),
            1 => UpTo::Contact(self.address(), self.when()),
            _ => UpTo::Message(self.meant()),
        };
        Op::Watermark { of, status }
    }
}

impl More {
    /// What was sent does not wait to be sent.
    fn without_both(mut self) -> Self {
        self.pending &= !self.echo;
        self
    }
}
