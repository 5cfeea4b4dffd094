//! Threads: the conversations of a contact that go to one inbox of the store, which become one.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::metadata::Metadata;
use super::report::Report;
use super::rows::{Conversation, Message, Named, Time};
use super::{Chatwoot, Place};
use crate::failure::Failure;

const MAX_TAGS: usize = 32;
const MAX_TAG_BYTES: usize = 64;
const STATUSES: &[&str] = &["open", "resolved", "pending", "snoozed"];
const PRIORITIES: &[&str] = &["low", "medium", "high", "urgent"];

pub(super) struct Threads {
    places: HashMap<i64, Place>,
    /// By contact, and the first of the inboxes that go where theirs goes; the latest last.
    threads: BTreeMap<(i64, i64), Vec<Conversation>>,
    /// The thread of each conversation.
    of: HashMap<i64, (i64, i64)>,
    /// The inboxes that were left out.
    left_out: HashSet<i64>,
    /// How many messages of each conversation the team has not seen.
    unseen: HashMap<i64, u64>,
    users: BTreeMap<i64, String>,
    teams: BTreeMap<i64, String>,
}

impl Threads {
    pub(super) fn read(
        from: &Chatwoot,
        places: Vec<(i64, Place)>,
        report: &Report,
    ) -> Result<Self, Failure> {
        let named = |name, report: &Report| {
            let rows = from.read::<Named>(name, report)?;
            let names = rows.map(|row| row.map(|row| (row.id, row.shown())));
            names.collect::<Result<BTreeMap<_, _>, Failure>>()
        };
        let mut threads = Self {
            users: named("users", report)?,
            teams: named("teams", report)?,
            places: HashMap::new(),
            threads: BTreeMap::new(),
            of: HashMap::new(),
            left_out: HashSet::new(),
            unseen: HashMap::new(),
        };
        let mut first_to = HashMap::new();
        let mut firsts = HashMap::new();
        for (id, place) in &places {
            let goes_to = (place.channel, place.inbox_id.clone());
            firsts.insert(*id, *first_to.entry(goes_to).or_insert(*id));
        }
        threads.places = places.into_iter().collect();
        for row in from.read::<Conversation>("conversations", report)? {
            let row = row?;
            let Some(contact) = row.contact_id else {
                let reason = "is missing: the conversation is left out";
                report.add("conversations", row.id, "contact_id", reason);
                threads.left_out.insert(row.id);
                continue;
            };
            let Some(first) = firsts.get(&row.inbox_id) else {
                // Its inbox is reported.
                threads.left_out.insert(row.id);
                continue;
            };
            let key = (contact, *first);
            threads.of.insert(row.id, key);
            threads.threads.entry(key).or_default().push(row);
        }
        let seen: HashMap<i64, Option<Time>> = threads
            .threads
            .values()
            .flatten()
            .map(|row| (row.id, row.agent_last_seen_at))
            .collect();
        // A line that is not a row is reported when the lines are written.
        for row in from.read::<Message>("messages", &Report::silent())? {
            let row = row?;
            let is_unseen = match seen.get(&row.conversation_id) {
                Some(Some(seen)) => row.created_at > *seen,
                Some(None) => true,
                None => false,
            };
            if is_unseen && row.is_incoming() && row.private != Some(true) && !row.is_deleted() {
                *threads.unseen.entry(row.conversation_id).or_default() += 1;
            }
        }
        for conversations in threads.threads.values_mut() {
            conversations
                .sort_by_key(|row| (row.last_activity_at.unwrap_or(row.created_at), row.id));
        }
        Ok(threads)
    }

    /// The line of each user and team.
    pub(super) fn directory(&self) -> impl Iterator<Item = Value> + '_ {
        let users = self.users.iter().map(|entry| ("user", "usr", entry));
        let teams = self.teams.iter().map(|entry| ("team", "team", entry));
        users.chain(teams).map(|(kind, prefix, (id, name))| {
            json!({ kind: {"id": format!("{prefix}_chatwoot_{id}"), "name": name} })
        })
    }

    /// The line of each thread.
    pub(super) fn lines<'a>(&'a self, report: &'a Report) -> impl Iterator<Item = Value> + 'a {
        let threads = self.threads.iter();
        threads.filter_map(|(key, conversations)| {
            let (latest, earlier) = conversations.split_last()?;
            self.line(*key, latest, earlier, report)
        })
    }

    fn line(
        &self,
        (contact, inbox): (i64, i64),
        latest: &Conversation,
        earlier: &[Conversation],
        report: &Report,
    ) -> Option<Value> {
        let Value::Object(mut line) = self.places.get(&inbox)?.thread(contact) else {
            return None;
        };
        let of = ("conversations", latest.id);
        let mut metadata = Metadata::new(of.0, of.1, report);
        let status = named(
            latest.status.as_ref(),
            STATUSES,
            "status",
            latest.id,
            report,
        );
        let is_open = status.is_some_and(|status| status != "resolved");
        line.insert(
            "status".to_owned(),
            json!(if is_open { "open" } else { "resolved" }),
        );
        if let Some(id) = latest.display_id {
            metadata.add("chatwoot.display_id", &json!(id));
        }
        let has_own_status = match status {
            Some("pending") => true,
            Some("snoozed") => latest.snoozed_until.is_none(),
            _ => false,
        };
        if has_own_status {
            metadata.add("chatwoot.status", &json!(status));
        }
        if let Some(until) = latest.snoozed_until.filter(|_| is_open) {
            line.insert("snoozed_until".to_owned(), json!(until));
        }
        self.assign(latest, &mut line, report);
        let priority = named(
            latest.priority.as_ref(),
            PRIORITIES,
            "priority",
            latest.id,
            report,
        );
        if let Some(priority) = priority {
            line.insert("priority".to_owned(), json!(priority));
        }
        let all = || earlier.iter().chain([latest]);
        let tags = tags(all(), report);
        if !tags.is_empty() {
            line.insert("tags".to_owned(), json!(tags));
        }
        if let Some(until) = all().filter_map(|row| row.contact_last_seen_at).max() {
            line.insert("read_until".to_owned(), json!(until));
        }
        // What came for a resolved conversation was answered, seen or not.
        let unresolved = all().filter(|row| !is_resolved(row));
        let unseen = unresolved
            .filter_map(|row| self.unseen.get(&row.id))
            .sum::<u64>();
        if is_open && unseen > 0 {
            line.insert("unread".to_owned(), json!(unseen));
        }
        metadata.add_all("", &latest.custom_attributes);
        metadata.add_all("", &latest.additional_attributes);
        metadata.put_into(&mut line);
        for row in earlier {
            self.leave_out(row, latest, report);
        }
        Some(json!({ "conversation": line }))
    }

    /// Who has it, and in which team's queue it is.
    fn assign(&self, row: &Conversation, line: &mut Map<String, Value>, report: &Report) {
        let known = |field, id: Option<i64>, names: &BTreeMap<i64, String>| {
            let id = id?;
            let name = names.get(&id);
            if name.is_none() {
                let reason = format!("{id} is not in the directory");
                report.add("conversations", row.id, field, &reason);
            }
            Some((id, name?.clone()))
        };
        if let Some((id, name)) = known("assignee_id", row.assignee_id, &self.users) {
            let id = format!("usr_chatwoot_{id}");
            let user = json!({"type": "user", "id": id, "name": name});
            line.insert("assigned_to".to_owned(), user);
        }
        if let Some((id, name)) = known("team_id", row.team_id, &self.teams) {
            let team = json!({"id": format!("team_chatwoot_{id}"), "name": name});
            line.insert("team".to_owned(), team);
        }
    }

    /// When the first conversation of a contact began.
    pub(super) fn first_of(&self, contact: i64) -> Option<Time> {
        let of_contact = (contact, i64::MIN)..=(contact, i64::MAX);
        let conversations = self.threads.range(of_contact).flat_map(|(_, all)| all);
        conversations.map(|row| row.created_at).min()
    }

    /// Of an earlier conversation with the same contact, the messages and the labels are kept.
    fn leave_out(&self, row: &Conversation, latest: &Conversation, report: &Report) {
        let lost = |field: &str, is_lost: bool| {
            if is_lost {
                let reason = format!(
                    "is left out: conversation {} of the contact in the inbox is later",
                    latest.id
                );
                report.add("conversations", row.id, field, &reason);
            }
        };
        lost("custom_attributes", !row.custom_attributes.is_empty());
        lost(
            "additional_attributes",
            !row.additional_attributes.is_empty(),
        );
        lost("status", !is_resolved(row));
    }

    /// The fields of a line that name the thread of a conversation. Nothing where it was left out.
    pub(super) fn of(&self, message: &Message, report: &Report) -> Option<Map<String, Value>> {
        let id = message.conversation_id;
        let Some(key) = self.of.get(&id) else {
            if !self.left_out.contains(&id) {
                let reason = format!("there is no conversation {id}: the message is left out");
                report.add("messages", message.id, "conversation_id", &reason);
            }
            return None;
        };
        match self.places.get(&key.1)?.thread(key.0) {
            Value::Object(thread) => Some(thread),
            _ => None,
        }
    }

    /// The name of a user.
    pub(super) fn user(&self, id: i64) -> Option<&str> {
        self.users.get(&id).map(String::as_str)
    }
}

fn is_resolved(row: &Conversation) -> bool {
    row.status
        .as_ref()
        .is_some_and(|status| status.is(1, "resolved"))
}

/// The name of an enumeration's value.
fn named(
    code: Option<&super::rows::Code>,
    names: &'static [&'static str],
    field: &str,
    id: i64,
    report: &Report,
) -> Option<&'static str> {
    let code = code?;
    let name = code.of(names);
    if name.is_none() {
        report.add(
            "conversations",
            id,
            field,
            &format!("{code:?} is not known"),
        );
    }
    name
}

fn tags<'a>(rows: impl Iterator<Item = &'a Conversation>, report: &Report) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for row in rows {
        let labels = row.cached_label_list.as_deref().unwrap_or_default();
        for label in labels.split(',').map(str::trim) {
            if label.is_empty() || tags.iter().any(|tag| tag == label) {
                continue;
            }
            let reason = match () {
                () if label.len() > MAX_TAG_BYTES => "has more than 64 bytes",
                () if label.chars().any(char::is_control) => "has control characters",
                () if tags.len() == MAX_TAGS => "is one of more than 32",
                () => {
                    tags.push(label.to_owned());
                    continue;
                }
            };
            let reason = format!("`{label}` {reason}, and is left out");
            report.add("conversations", row.id, "cached_label_list", &reason);
        }
    }
    tags
}
