//! Table cells and tables of conversations, messages and notes, which several commands print.

use std::collections::HashMap;

use comfy_table::{Cell, Color};
use convodb::{
    Assignee, AssigneeKind, Channel, Conversation, DeliveryStatus, Direction, Message, Note, Status,
};

use crate::output::{Screen, dim};
use crate::texts::{details, grouped, plain, preview, second};

pub(crate) fn channel(channel: Channel) -> Cell {
    let colour = match channel {
        Channel::Whatsapp => Color::Green,
        Channel::Instagram => Color::Magenta,
        Channel::Messenger => Color::Blue,
        Channel::Webchat => Color::Yellow,
    };
    Cell::new(channel).fg(colour)
}

pub(crate) fn status(status: Status) -> Cell {
    match status {
        Status::Open => Cell::new(status),
        Status::Resolved => dim(status),
    }
}

pub(crate) fn assignee(assignee: Option<&Assignee>) -> Cell {
    match assignee {
        Some(one) if one.id.kind() == AssigneeKind::Team => {
            Cell::new(plain(&one.name)).fg(Color::Blue)
        }
        Some(one) => Cell::new(plain(&one.name)).fg(Color::Cyan),
        None => dim("unassigned"),
    }
}

/// The last message of a conversation, if it has one.
pub(crate) fn last_message(screen: &Screen, last: Option<&Message>) -> Cell {
    let most = usize::from(screen.width);
    let preview = last.map(|message| preview(message, most));
    // Without a delimiter to break at, the line is filled to its end.
    Cell::new(preview.unwrap_or_default()).set_delimiter('\n')
}

/// A number of unread messages; nothing for none.
pub(crate) fn unread(count: u64) -> Cell {
    match count {
        0 => Cell::new(""),
        count => Cell::new(grouped(count)).fg(Color::Yellow),
    }
}

/// The status and the assignee of a conversation.
pub(crate) fn state(conversation: &Conversation) -> String {
    let status = conversation.status;
    match &conversation.assigned_to {
        Some(assignee) => format!("{status}, assigned to {}", plain(&assignee.name)),
        None => format!("{status}, unassigned"),
    }
}

pub(crate) fn messages(screen: &Screen, messages: &[Message]) -> String {
    let mut table = screen.table(["created_at", "from", "message", "status"]);
    let rows = messages.iter().map(|message| {
        let from = match message.direction {
            Direction::Inbound => Cell::new("contact").fg(Color::Cyan),
            Direction::Outbound => Cell::new("team").fg(Color::Magenta),
        };
        let time = dim(second(message.created_at));
        (vec![time, from, delivery(message.status)], details(message))
    });
    screen.add_texts(&mut table, rows.collect(), 2);
    table.trim_fmt()
}

fn delivery(status: DeliveryStatus) -> Cell {
    let colour = match status {
        DeliveryStatus::Pending => Color::DarkGrey,
        DeliveryStatus::Sent => Color::Yellow,
        DeliveryStatus::Failed => Color::Red,
        DeliveryStatus::Delivered => Color::Reset,
        DeliveryStatus::Read => Color::Green,
    };
    Cell::new(delivery_name(status)).fg(colour)
}

pub(crate) const fn delivery_name(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Pending => "pending",
        DeliveryStatus::Sent => "sent",
        DeliveryStatus::Failed => "failed",
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Read => "read",
    }
}

pub(crate) fn notes(screen: &Screen, notes: &[Note], directory: &[Assignee]) -> String {
    let mut table = screen.table(["created_at", "author", "note"]);
    let named = directory.iter().map(|one| (one.id.as_str(), &*one.name));
    let names: HashMap<_, _> = named.collect();
    let rows = notes.iter().map(|note| {
        let author = note.author.as_ref().map_or("–", |author| {
            let id = author.as_str();
            names.get(id).copied().unwrap_or(id)
        });
        let author = Cell::new(plain(author)).fg(Color::Yellow);
        (
            vec![dim(second(note.created_at)), author],
            plain(&note.content),
        )
    });
    screen.add_texts(&mut table, rows.collect(), 2);
    table.trim_fmt()
}
