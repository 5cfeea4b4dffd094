//! Everything that a store answers, to be compared with what an undamaged one does.

use convodb::prelude::*;
use convodb::{
    Assignee, Channel, CommitSeq, ContactId, Conversation, ConversationId, Filter, Message, Note,
    PageRequest, Result, StatusFilter, Transcript, View,
};

use super::look;

/// A question to a store.
#[derive(Clone, Debug)]
enum Question {
    /// A page of a list, with its total.
    List(Box<Filter>, PageRequest),
    Counts(Vec<Filter>),
    Transcript(ConversationId),
    Notes(ConversationId),
    Find(ContactId, Channel),
    Previews(Vec<ConversationId>),
    Assignees,
    Views,
    Rows,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    List(Vec<Conversation>, u64),
    Counts(Vec<u64>),
    Transcript(Transcript),
    Notes(Vec<Note>),
    Find(Option<Conversation>),
    Previews(Vec<Option<Message>>),
    Assignees(Vec<Assignee>),
    Views(Vec<View>),
    Rows([u64; 3], CommitSeq),
}

impl Question {
    fn ask(&self, store: &Store) -> Result<Answer> {
        Ok(match self {
            Self::List(filter, request) => {
                let page = store.list(filter, *request)?;
                Answer::List(page.data, page.total)
            }
            Self::Counts(filters) => Answer::Counts(store.counts(filters)?),
            Self::Transcript(id) => Answer::Transcript(store.transcript(*id)?),
            Self::Notes(id) => Answer::Notes(store.notes(*id)?.collect::<Result<_>>()?),
            Self::Find(contact, channel) => {
                Answer::Find(store.find_conversation(contact, *channel)?)
            }
            Self::Previews(ids) => Answer::Previews(store.last_messages(ids)?),
            Self::Assignees => Answer::Assignees(store.assignees()?),
            Self::Views => Answer::Views(store.views()?),
            Self::Rows => {
                let stats = store.stats()?;
                let rows = [stats.conversations, stats.messages, stats.notes];
                Answer::Rows(rows, stats.commit_seq)
            }
        })
    }
}

/// What an undamaged store answers to every question.
#[derive(Debug)]
pub(super) struct Content {
    answers: Vec<(Question, Answer)>,
}

/// What a damaged store answered.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The first answer that is neither the undamaged store's nor an error of damage.
    pub(super) wrong: Option<String>,
    /// The first such error.
    pub(super) refused: Option<String>,
}

/// Every status with every channel and any assignee, none and two users or teams, and each
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

/// Of every conversation, in the order of lists.
fn every_row(store: &Store) -> Vec<Conversation> {
    let rows = (1..)
        .map(|page| PageRequest::number(page, 100).unwrap())
        .map(|page| store.list(&Filter::all(), page).unwrap().data)
        .take_while(|rows| !rows.is_empty());
    rows.flatten().collect()
}

impl Content {
    pub(super) fn of(store: &Store) -> Self {
        let assignees = store.assignees().unwrap();
        let mut filters = filters(&assignees);
        let views = store.views().unwrap();
        filters.extend(views.iter().map(|view| Filter::view(&view.id)));
        let mut questions = vec![
            Question::Assignees,
            Question::Views,
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
                let request = PageRequest::number(page, limit).unwrap();
                Question::List(Box::new(filter.clone()), request)
            }));
        }
        let rows = every_row(store);
        questions.push(Question::Previews(rows.iter().map(|row| row.id).collect()));
        for row in &rows {
            questions.push(Question::Transcript(row.id));
            questions.push(Question::Notes(row.id));
            questions.push(Question::Find(row.contact_id.clone(), row.channel));
        }
        let ask = |question: Question| {
            let answer = question.ask(store).unwrap();
            (question, answer)
        };
        Self {
            answers: questions.into_iter().map(ask).collect(),
        }
    }

    /// Makes a message another than it ever was, for a harness that must notice.
    pub(super) fn falsify_message(&mut self) {
        let mut messages = self.transcripts().flat_map(|one| &mut one.messages);
        messages.next().unwrap().content = "what was never written".into();
    }

    /// The same of a conversation.
    pub(super) fn falsify_row(&mut self) {
        let row = &mut self.transcripts().next().unwrap().conversation;
        row.revision = row.revision.next();
    }

    fn transcripts(&mut self) -> impl Iterator<Item = &mut Transcript> {
        let answers = self.answers.iter_mut();
        answers.filter_map(|(_, answer)| match answer {
            Answer::Transcript(transcript) => Some(transcript),
            _ => None,
        })
    }

    /// Asks a store everything.
    pub(super) fn ask(&self, store: &Store) -> Answers {
        let mut answers = Answers::default();
        for (question, expected) in &self.answers {
            match question.ask(store) {
                Ok(answer) if answer == *expected => {}
                Err(error) if look::is_damage(&error) => {
                    let describe = || short(&format!("{question:?}: {error:?}"));
                    answers.refused.get_or_insert_with(describe);
                }
                answer => {
                    let describe = || short(&format!("{question:?}: {answer:?}, not {expected:?}"));
                    answers.wrong.get_or_insert_with(describe);
                }
            }
        }
        answers
    }
}

/// As much of a long text as somebody reads.
fn short(text: &str) -> String {
    text.chars().take(600).collect()
}
