//! The requests, from a seed: the same ones for both servers.

use compare::data::{Conversation, Dataset, Directory, Rng, parts, text};
use convodb::{Channel, ConversationId, Status};

use crate::cases::Work;
use crate::servers::KEY;

/// Rows of a page, the specification's default.
const LIMIT: u64 = 20;
/// So many messages has a conversation that is read.
const MESSAGES: u32 = 10;
/// One in so many messages is a new contact's.
const NEW_CONTACTS: u64 = 10;

/// What requests are drawn from.
pub(crate) struct Traffic {
    data: Dataset,
    /// The numbers of the conversations that are read.
    read: Vec<u32>,
    /// By status, and by channel within.
    totals: [[u64; Channel::ALL.len()]; Status::ALL.len()],
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: u16,
}

impl Request {
    pub(crate) fn get(target: &str) -> Self {
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        );
        Self {
            bytes: head.into_bytes(),
            expected: 200,
        }
    }

    pub(crate) fn receive(body: &str) -> Self {
        let request = format!(
            "POST /v1/messages/receive HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self {
            bytes: request.into_bytes(),
            expected: 201,
        }
    }
}

pub(crate) fn conversation(id: u128) -> Request {
    let (millis, random) = parts(id);
    let id = ConversationId::from_parts(millis, random);
    Request::get(&format!("/v1/conversations/{id}"))
}

/// An assignee's id.
fn id_of(directory: &Directory, number: u16) -> &str {
    directory.get(number).map_or("unassigned", |one| &one.id)
}

impl Traffic {
    pub(crate) fn new(data: Dataset) -> Self {
        let mut traffic = Self {
            read: Vec::new(),
            totals: [[0; Channel::ALL.len()]; Status::ALL.len()],
            data,
        };
        for one in traffic.data.conversations() {
            if one.messages == MESSAGES {
                traffic.read.push(one.number);
            }
            let totals = traffic.totals.get_mut(one.status as usize);
            if let Some(total) = totals.and_then(|all| all.get_mut(one.channel as usize)) {
                *total += 1;
            }
        }
        traffic
    }

    pub(crate) const fn size(&self) -> u32 {
        self.data.size
    }

    /// How many conversations a list without an assignee had before anything was received.
    pub(crate) fn total(&self, status: Option<Status>, channel: Option<Channel>) -> u64 {
        let by_status = Status::ALL.into_iter().zip(&self.totals);
        let by_status = by_status.filter(|(one, _)| status.is_none_or(|status| status == *one));
        let by_channel = by_status.flat_map(|(_, totals)| Channel::ALL.into_iter().zip(totals));
        by_channel
            .filter(|(one, _)| channel.is_none_or(|channel| channel == *one))
            .map(|(_, total)| total)
            .sum()
    }

    pub(crate) fn draw(&self, work: Work, rng: &mut Rng) -> Request {
        match work {
            Work::List | Work::Beside => self.first_page(rng),
            Work::Deep => self.deep_page(rng),
            Work::Get => self.conversation(rng),
            Work::Receive | Work::Streams => self.message(rng),
            Work::Mixed => match rng.below(100) {
                0..72 => self.first_page(rng),
                72..80 => self.deep_page(rng),
                80..95 => self.conversation(rng),
                _ => self.message(rng),
            },
        }
    }

    /// The views of an inbox: everything open, a channel, mine, unassigned, my teams'.
    fn first_page(&self, rng: &mut Rng) -> Request {
        let user = |rng: &mut Rng| id_of(&self.data.directory, 1 + rng.below(200) as u16);
        let query = match rng.below(5) {
            0 => String::new(),
            1 => format!("?channel={}", channel(rng).as_str()),
            2 => format!("?status=open&assigned_to={}", user(rng)),
            3 => format!("?assigned_to=unassigned&channel={}", channel(rng).as_str()),
            _ => {
                let team = Dataset::team(rng.below(10) as u16);
                let team = id_of(&self.data.directory, team);
                format!("?assigned_to=unassigned,{},{team}", user(rng))
            }
        };
        Request::get(&format!("/v1/conversations{query}"))
    }

    /// Any page of the long lists, all as likely.
    fn deep_page(&self, rng: &mut Rng) -> Request {
        let (status, channel) = match rng.below(3) {
            0 => (None, None),
            1 => (Some(Status::Resolved), None),
            _ => (Some(Status::Resolved), Some(channel(rng))),
        };
        let pages = self.total(status, channel).div_ceil(LIMIT).max(1);
        let page = 1 + rng.below(pages);
        let status = status.map_or("all", Status::as_str);
        let channel = channel.map_or(String::new(), |one| format!("&channel={}", one.as_str()));
        Request::get(&format!(
            "/v1/conversations?status={status}{channel}&page={page}"
        ))
    }

    fn conversation(&self, rng: &mut Rng) -> Request {
        let place = rng.below(self.read.len().max(1) as u64) as usize;
        let number = self.read.get(place).copied().unwrap_or_default();
        conversation(self.data.conversation(number).id)
    }

    pub(crate) fn any(&self, rng: &mut Rng) -> Conversation {
        let number = rng.below(u64::from(self.data.size)) as u32;
        self.data.conversation(number)
    }

    fn message(&self, rng: &mut Rng) -> Request {
        let one = self.any(rng);
        let contact = match rng.below(NEW_CONTACTS) {
            0 => format!("con_new_{:016x}", rng.next()),
            _ => one.contact().to_owned(),
        };
        let (channel, content) = (one.channel.as_str(), text(rng.next()));
        Request::receive(&format!(
            r#"{{"contact_id":"{contact}","channel":"{channel}","type":"text","content":"{content}"}}"#
        ))
    }
}

fn channel(rng: &mut Rng) -> Channel {
    let place = rng.below(Channel::ALL.len() as u64) as usize;
    Channel::ALL
        .get(place)
        .copied()
        .unwrap_or(Channel::Whatsapp)
}
