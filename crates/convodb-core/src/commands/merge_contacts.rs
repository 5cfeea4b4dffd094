use std::collections::BTreeMap;

use super::*;
use crate::Contact;

/// Merges a contact into another one: its identities, and in each inbox its conversation, whose messages and
/// notes take their places among the other one's. The old ids keep working; they lead to the survivors.
/// It cannot be undone. O(messages of the conversations that are merged).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MergeContacts {
    /// The contact that is merged.
    pub from: ContactId,
    /// The other one, which stays.
    pub into: ContactId,
}

impl Command for MergeContacts {
    type Output = Contact;
    const NAME: &'static str = "merge_contacts";

    fn reads(&self, keys: &mut Vec<Key>) {
        for contact in [&self.from, &self.into] {
            keys.push(Key::Contact(contact.clone()));
            keys.push(Key::Query(Query::Threads(contact.clone())));
        }
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let is_another = self.from != self.into;
        InvalidInput::unless(is_another, "into", "must be another contact than `from`")?;
        let (from, into) = (
            state.contact_meant(&self.from)?,
            state.contact_meant(&self.into)?,
        );
        for contact in [from, into] {
            require(contact, state)?;
        }
        let mut changes = Vec::new();
        if from != into {
            changes.extend(who::updated(into, who::begin(into, state, env)?));
            merge(into, std::slice::from_ref(from), state, &mut changes)?;
        }
        Ok(Decision::new(Subject::Contact(into.clone()), changes))
    }
}

/// A contact that has a record or a conversation.
fn require(contact: &ContactId, state: &State) -> Result<(), Halt> {
    let is_there =
        state.contact(contact)?.is_some() || !state.conversations_of(contact)?.is_empty();
    match is_there {
        true => Ok(()),
        false => Err(Error::not_found(EntityKind::Contact, contact).into()),
    }
}

/// Merges other contacts into one that has a record by then.
pub(super) fn merge(
    into: &ContactId,
    others: &[ContactId],
    state: &State,
    decided: &mut Vec<ChangeKind>,
) -> Result<(), Halt> {
    let mut identities = 0;
    for contact in others.iter().chain([into]) {
        identities += state
            .contact(contact)?
            .map_or(0, |known| known.identities.len());
    }
    let most = Contact::MAX_IDENTITIES;
    let reason = format_args!("must be at most {most} of one contact, and are {identities}");
    InvalidInput::unless(identities <= most, "identities", reason)?;
    let mut threads = BTreeMap::<InboxRef, Vec<&Conversation>>::new();
    for contact in [into].into_iter().chain(others) {
        for id in state.conversations_of(contact)? {
            let conversation = state.require_conversation(id)?;
            let of_inbox = threads.entry(conversation.inbox()).or_default();
            of_inbox.push(conversation);
        }
    }
    for of_inbox in threads.values() {
        if let Some((kept, merged)) = of_inbox.split_first() {
            merge_threads(into, kept, merged, state, decided)?;
        }
    }
    decided.extend(others.iter().map(|from| ChangeKind::ContactMerged {
        from: from.clone(),
        into: into.clone(),
    }));
    Ok(())
}

/// Merges the conversations of one inbox into the first of them.
fn merge_threads(
    into: &ContactId,
    kept: &Conversation,
    merged: &[&Conversation],
    state: &State,
    decided: &mut Vec<ChangeKind>,
) -> Result<(), Halt> {
    let moved = (kept.contact_id != *into).then(|| Field::Contact(into.clone()));
    let mut set: Vec<_> = moved.into_iter().collect();
    decided.extend(merged.iter().map(|from| ChangeKind::ConversationMerged {
        from: from.id,
        into: kept.id,
    }));
    let is_open = merged.iter().any(|from| from.status == Status::Open);
    if is_open && kept.status == Status::Resolved {
        set.push(Field::Status(Status::Open));
    }
    // It is out of the way only as long as all of them are.
    let all = || [kept].into_iter().chain(merged.iter().copied());
    let open = all().filter(|it| it.status == Status::Open);
    let snoozes: Option<Vec<_>> = open.map(Conversation::snoozed_until).collect();
    let snoozed_until = snoozes.into_iter().flatten().min();
    if snoozed_until != kept.snoozed_until() {
        set.push(Field::SnoozedUntil(snoozed_until));
    }
    let mut team = kept.attributes().team.as_ref().map(|team| team.id.clone());
    if kept.assigned_to.is_none() {
        let mut assignees = merged.iter().filter_map(|from| from.assignee_id());
        if let Some(assignee) = assignees.next().cloned() {
            team = Some(assignee.clone()).filter(AssigneeId::is_team).or(team);
            set.push(Field::Assignee(Some(assignee)));
        }
    }
    if team.is_none() {
        let mut teams = merged
            .iter()
            .filter_map(|from| from.attributes().team.as_ref());
        if let Some(AssigneeId::Team(id)) = teams.next().map(|team| team.id.clone()) {
            set.push(Field::Team(Some(id)));
        }
    }
    let own = kept.attributes();
    let theirs = merged.iter().map(|from| from.attributes());
    let united = theirs.fold(own.clone(), |united, more| united.united(more));
    set.extend(own.changes_to(united));
    if !merged.is_empty()
        && let Some(identity) = latest_identity(kept, merged, state)?
        && kept.identity.as_deref() != Some(&*identity)
    {
        set.push(Field::Identity(identity));
    }
    if !set.is_empty() {
        let conversation = kept.id;
        decided.push(ChangeKind::ConversationUpdated { conversation, set });
    }
    Ok(())
}

/// The identity of the conversation whose contact wrote last, of those that have one.
fn latest_identity(
    kept: &Conversation,
    merged: &[&Conversation],
    state: &State,
) -> Result<Option<String>, Halt> {
    let all = || [kept].into_iter().chain(merged.iter().copied());
    let named: Vec<_> = all().filter(|it| it.identity.is_some()).collect();
    let latest = match named.len() {
        0 | 1 => None,
        _ => {
            let ids = named.iter().map(|it| it.id).collect();
            match state.answer(&Query::LatestIdentity(ids))? {
                Answer::Conversations(latest) => latest.first().copied(),
                _ => None,
            }
        }
    };
    let is_latest = |it: &&&Conversation| Some(it.id) == latest;
    let found = named.iter().find(is_latest).or(named.first());
    Ok(found
        .and_then(|it| it.identity.as_deref())
        .map(str::to_owned))
}
