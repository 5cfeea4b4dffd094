//! Everything that a store answers, to be compared with what an undamaged one does.

use std::collections::BTreeMap;

use convodb::{
    Assignee, AssigneeId, Channel, ContactId, Conversation, ConversationId, Filter, Message,
    MessageId, Note, NoteId, PageRequest, Result, StatusFilter, Store, Thread,
};

/// A question to a store.
#[derive(Clone, Debug)]
enum Question {
    /// A page of a list, with its total.
    List(Filter, PageRequest),
    Counts(Vec<Filter>),
    Get(ConversationId),
    Notes(ConversationId),
    Find(ContactId, Channel),
    Previews(Vec<ConversationId>),
    Assignees,
    Rows,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    List(Vec<Conversation>, u64),
    Counts(Vec<u64>),
    Get(Thread),
    Notes(Vec<Note>),
    Find(Option<Conversation>),
    Previews(Vec<Option<Message>>),
    Assignees(Vec<Assignee>),
    Rows([u64; 4]),
}

impl Question {
    fn ask(&self, store: &Store) -> Result<Answer> {
        Ok(match self {
            Self::List(filter, request) => {
                let page = store.list(filter, *request)?;
                Answer::List(page.data, page.total)
            }
            Self::Counts(filters) => Answer::Counts(store.counts(filters)?),
            Self::Get(id) => Answer::Get(store.get(*id)?),
            Self::Notes(id) => Answer::Notes(store.notes(*id)?.collect::<Result<_>>()?),
            Self::Find(contact, channel) => Answer::Find(store.find(contact, *channel)?),
            Self::Previews(ids) => Answer::Previews(store.last_messages(ids)?),
            Self::Assignees => Answer::Assignees(store.assignees()?),
            Self::Rows => {
                let stats = store.stats()?;
                Answer::Rows([
                    stats.conversations,
                    stats.messages,
                    stats.notes,
                    stats.sequence,
                ])
            }
        })
    }
}

/// What an undamaged store answers to every question.
#[derive(Debug)]
pub(super) struct Content {
    answers: Vec<(Question, Answer)>,
    conversations: BTreeMap<ConversationId, Conversation>,
    // An id is one within its conversation.
    messages: BTreeMap<(ConversationId, MessageId), Message>,
    notes: BTreeMap<(ConversationId, NoteId), Note>,
    assignees: BTreeMap<AssigneeId, Assignee>,
}

/// What a damaged store answered.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The first answer that is not the undamaged store's.
    pub(super) wrong: Option<String>,
    /// The first that holds what nobody wrote.
    pub(super) forged: Option<String>,
    /// The first that was refused.
    pub(super) refused: Option<String>,
}

/// Every status with every channel and everybody's, nobody's and two users' or teams', and each
/// alone.
fn filters(assignees: &[Assignee]) -> Vec<Filter> {
    let statuses = [
        StatusFilter::Open,
        StatusFilter::Resolved,
        StatusFilter::All,
    ];
    let mut filters = Vec::new();
    for status in statuses {
        let channels = Channel::ALL.map(|channel| Filter::new(status).channel(channel));
        for filter in [Filter::new(status)].into_iter().chain(channels) {
            filters.push(filter.clone().unassigned());
            let of = |one: &Assignee| filter.clone().assigned_to(one.id.clone());
            filters.extend(assignees.iter().take(2).map(of));
            filters.push(filter.clone().unread());
            filters.push(filter);
        }
    }
    filters
}

impl Content {
    pub(super) fn of(store: &Store) -> Self {
        let assignees = store.assignees().unwrap();
        let filters = filters(&assignees);
        let mut questions = vec![
            Question::Assignees,
            Question::Counts(filters.clone()),
            Question::Rows,
        ];
        for filter in filters {
            let rows = store.count(&filter).unwrap();
            // One page past the end, and short pages deep within.
            let pages = (1..=rows / 100 + 2).map(|page| (page, 100));
            let deep = (rows > 40).then_some((rows / 14, 7));
            let requests = pages.chain(deep).map(|(page, limit)| (page.max(1), limit));
            questions.extend(requests.map(|(page, limit)| {
                let request = PageRequest::new(page, limit).unwrap();
                Question::List(filter.clone(), request)
            }));
        }
        let rows = (1..)
            .map(|page| PageRequest::new(page, 100).unwrap())
            .map(|page| store.list(&Filter::all(), page).unwrap().data)
            .take_while(|rows| !rows.is_empty());
        let rows: Vec<Conversation> = rows.flatten().collect();
        questions.push(Question::Previews(rows.iter().map(|row| row.id).collect()));
        for row in &rows {
            questions.push(Question::Get(row.id));
            questions.push(Question::Notes(row.id));
            questions.push(Question::Find(row.contact_id.clone(), row.channel));
        }
        let ask = |question: Question| {
            let answer = question.ask(store).unwrap();
            (question, answer)
        };
        let mut content = Self {
            answers: questions.into_iter().map(ask).collect(),
            conversations: rows.into_iter().map(|row| (row.id, row)).collect(),
            messages: BTreeMap::new(),
            notes: BTreeMap::new(),
            assignees: assignees
                .into_iter()
                .map(|one| (one.id.clone(), one))
                .collect(),
        };
        content.know_histories();
        content
    }

    fn know_histories(&mut self) {
        for (_, answer) in &self.answers {
            match answer {
                Answer::Get(thread) => {
                    let messages = thread.messages.iter().cloned();
                    let known = messages.map(|one| ((one.conversation_id, one.id), one));
                    self.messages.extend(known);
                }
                Answer::Notes(notes) => {
                    let notes = notes.iter().cloned();
                    let known = notes.map(|one| ((one.conversation_id, one.id), one));
                    self.notes.extend(known);
                }
                _ => {}
            }
        }
    }

    /// Makes a message another than it was, for a harness that must notice.
    pub(super) fn falsify(&mut self) {
        let message = self.messages.values_mut().next().unwrap();
        message.content = "what nobody wrote".into();
        let falsified = message.clone();
        for (_, answer) in &mut self.answers {
            if let Answer::Get(thread) = answer {
                for message in &mut thread.messages {
                    if message.id == falsified.id {
                        *message = falsified.clone();
                    }
                }
            }
        }
    }

    /// Asks a store everything.
    pub(super) fn ask(&self, store: &Store, is_known: impl Fn(&Answer) -> bool) -> Answers {
        let mut answers = Answers::default();
        for (question, expected) in &self.answers {
            match question.ask(store) {
                Ok(answer) if answer == *expected => {}
                Ok(answer) => {
                    let told = || short(&format!("{question:?}: {answer:?}, not {expected:?}"));
                    if !is_known(&answer) {
                        answers.forged.get_or_insert_with(told);
                    }
                    answers.wrong.get_or_insert_with(told);
                }
                Err(error) => {
                    let told = || short(&format!("{question:?}: {error:?}"));
                    answers.refused.get_or_insert_with(told);
                }
            }
        }
        answers
    }

    /// Whether every record of an answer is one that was written.
    pub(super) fn is_known(&self, answer: &Answer) -> bool {
        let row = |row: &Conversation| self.conversations.get(&row.id) == Some(row);
        let message =
            |one: &Message| self.messages.get(&(one.conversation_id, one.id)) == Some(one);
        let note = |one: &Note| self.notes.get(&(one.conversation_id, one.id)) == Some(one);
        match answer {
            Answer::List(rows, _) => rows.iter().all(row),
            Answer::Find(found) => found.iter().all(row),
            Answer::Get(thread) => row(&thread.conversation) && thread.messages.iter().all(message),
            Answer::Previews(found) => found.iter().flatten().all(message),
            Answer::Notes(notes) => notes.iter().all(note),
            Answer::Assignees(all) => all
                .iter()
                .all(|one| self.assignees.get(&one.id) == Some(one)),
            Answer::Counts(_) | Answer::Rows(_) => true,
        }
    }
}

/// As much of a long text as somebody reads.
fn short(text: &str) -> String {
    text.chars().take(600).collect()
}
