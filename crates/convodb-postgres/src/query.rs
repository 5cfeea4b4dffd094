//! Answers what commands ask of many entities.

use convodb_core::commands::DeleteResolved;
use convodb_core::{
    Answer, ConversationId, DeliveryStatus, Direction, EntityKind, Error, EventSeq, Filter,
    Message, MessageId, MessageRange, Query, time,
};
use tokio_postgres::Row;

use crate::fault::{Done, Fault};
use crate::keys::{self, micros};
use crate::lists::Start;
use crate::numbering::Numbering;
use crate::reader::Reader;
use crate::session::Statement;
use crate::unit::Unit;

fn ids_of(rows: &[Row]) -> Done<Vec<ConversationId>> {
    let ids = rows.iter().map(|row| keys::conversation_of(row.get(0)));
    Ok(ids.collect::<Result<_, _>>()?)
}

/// A number that one row has.
fn number_of(rows: &[Row]) -> u64 {
    rows.first()
        .map_or(0, |row| row.get::<_, i64>(0))
        .unsigned_abs()
}

fn time_of(rows: &[Row]) -> Done<Answer> {
    let micros: Option<i64> = rows.first().and_then(|row| row.get(0));
    Ok(Answer::Time(micros.map(keys::time_of).transpose()?))
}

impl Unit {
    /// Reads within the transaction of an exclusive unit, or what is committed.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader {
            session: &self.session,
            ws: self.ws,
            directory: &self.directory,
            hashes: self.hashes,
            epoch: self.epoch,
        }
    }

    pub(crate) async fn answer_query(&mut self, query: &Query) -> Done<Answer> {
        match query {
            // What was written before in this transaction has its numbers then.
            Query::EventRange if self.is_exclusive && self.numbering == Numbering::Settled => {
                self.settle().await?;
            }
            // These are of entities that are loaded, or only grow.
            Query::EventRange | Query::LatestMessage(..) => {}
            // These rest on the version of their conversation.
            Query::UnreadAfter(..) | Query::Pending(..) | Query::NoteTime(..) => {
                self.write_out().await?;
            }
            _ if !self.is_exclusive => return Err(Fault::Exclusive),
            _ => self.write_out().await?,
        }
        let of = |sql: &'static str| Statement::new(sql).bind(self.ws);
        Ok(match query {
            Query::First(filter, limit) => {
                let page = self.reader().page(filter, Start::Skip(0), *limit).await?;
                let ids = page.data.iter().map(|conversation| conversation.id);
                Answer::Conversations(ids.collect())
            }
            Query::Due(now, limit) => {
                let sql = "SELECT key FROM convodb.conversation WHERE ws = $1 AND due <= $2 \
                           ORDER BY due, key LIMIT $3";
                let due = of(sql).bind(micros(*now)).bind(i64::from(*limit));
                Answer::Conversations(ids_of(&self.query(due).await?)?)
            }
            Query::Threads(contact) => {
                let sql = "SELECT key FROM convodb.conversation WHERE ws = $1 AND contact = $2 ORDER BY inbox";
                let threads = of(sql).bind(keys::contact(contact));
                Answer::Conversations(ids_of(&self.query(threads).await?)?)
            }
            Query::Views => Answer::Number(self.directory.views.len() as u64),
            Query::Count(filter) => Answer::Number(self.reader().count(filter).await?),
            Query::FirstEventSince(at) => {
                let sql = "SELECT coalesce((SELECT number FROM convodb.event WHERE ws = $1 AND at >= $2 \
                           AND number >= (SELECT oldest_event FROM convodb.workspace WHERE ws = $1) \
                           ORDER BY number LIMIT 1), \
                           (SELECT newest_event + 1 FROM convodb.head WHERE ws = $1))";
                Answer::Number(number_of(&self.query(of(sql).bind(micros(*at))).await?))
            }
            Query::SlowestConsumer => {
                let consumers = self.reader().consumers().await?.into_iter();
                Answer::Position(consumers.map(|consumer| consumer.position).min())
            }
            Query::UnmatchedBefore(before) => {
                let sql = "SELECT count(*) FROM convodb.provider_id WHERE ws = $1 AND since < $2";
                Answer::Number(number_of(&self.query(of(sql).bind(micros(*before))).await?))
            }
            Query::UnmatchedBeyond(most) => {
                let sql = "SELECT since FROM convodb.provider_id WHERE ws = $1 AND since IS NOT NULL \
                           ORDER BY since DESC OFFSET $2 LIMIT 1";
                let most = i64::try_from(*most).unwrap_or(i64::MAX);
                time_of(&self.query(of(sql).bind(most)).await?)?
            }
            Query::Stale(before, limit) => {
                let stale = self.reader().stale(*before, *limit).await?;
                Answer::Conversations(self.first_of(stale).await?)
            }
            Query::UnreadAfter(conversation, id) => self.unread_after(*conversation, *id).await?,
            Query::Pending(conversation, since) => {
                let range = MessageRange::all().since(*since);
                let all = self
                    .reader()
                    .stored_messages(*conversation, &range, None)
                    .await?;
                let is_pending = |message: &Message| {
                    message.status == DeliveryStatus::Pending && message.provider_id.is_none()
                };
                Answer::Messages(all.into_iter().filter(is_pending).collect())
            }
            Query::LatestIdentity(ids) => {
                let mut latest = None;
                for id in ids {
                    let range = MessageRange::all();
                    for message in self.reader().stored_messages(*id, &range, None).await? {
                        let named = message.extras.as_ref().and_then(|it| it.identity.as_ref());
                        if message.direction == Direction::Inbound && named.is_some() {
                            latest = latest.max(Some((message.arrival(), *id)));
                        }
                    }
                }
                Answer::Conversations(latest.into_iter().map(|(_, id)| id).collect())
            }
            Query::NoteTime(conversation, id) => {
                let notes = self.reader().notes(*conversation).await?;
                let note = notes.iter().find(|note| note.id == *id);
                Answer::Time(note.map(|note| note.created_at))
            }
            Query::KeysBefore(before) => {
                let sql = "SELECT count(*) FROM convodb.idempotency WHERE ws = $1 AND at < $2";
                Answer::Number(number_of(&self.query(of(sql).bind(micros(*before))).await?))
            }
            Query::LatestMessage(conversation, times) => {
                let stored = match self.known_latest(*conversation, times) {
                    Some(known) => known,
                    None => {
                        let range = MessageRange::all().since(times.start).until(times.end);
                        let reader = self.reader();
                        let stored = reader
                            .stored_messages(*conversation, &range, Some(1))
                            .await?;
                        stored.first().map(Message::position)
                    }
                };
                // The id of a message that is not written carries its millisecond.
                let [first, last] =
                    [(times.start, 0), (times.end, u128::MAX)].map(|(time, random)| {
                        (
                            *conversation,
                            MessageId::from_parts(time::millis(time), random),
                        )
                    });
                let staged = self.state.messages.range(first..=last);
                let places = stored.into_iter().chain(staged.map(Message::position));
                Answer::Message(places.filter(|(time, _)| times.contains(time)).max())
            }
            // Those that are not written yet have their numbers already.
            Query::EventRange => {
                let head = self.head()?;
                let pending = match self.numbering {
                    Numbering::Head => self.events.len() as u64,
                    Numbering::Settled => 0,
                };
                Answer::Events {
                    oldest: head.oldest_event,
                    newest: EventSeq::new(head.newest_event.get() + pending),
                }
            }
        })
    }

    async fn unread_after(&mut self, of: ConversationId, id: MessageId) -> Done<Answer> {
        let all = MessageRange::all();
        let messages = self.reader().stored_messages(of, &all, None).await?;
        let message = messages.iter().find(|message| message.id == id);
        let message = message.ok_or_else(|| Error::not_found(EntityKind::Message, id))?;
        let arrival = message.arrival();
        let is_counted = |message: &&Message| {
            message.arrival() > arrival && message.counts_as_unread() && !message.is_revoked()
        };
        Ok(Answer::Number(
            messages.iter().filter(is_counted).count() as u64
        ))
    }

    /// The first of these conversations, until they have as many messages as are deleted at once.
    async fn first_of(&self, conversations: Vec<ConversationId>) -> Done<Vec<ConversationId>> {
        let (mut first, mut count) = (Vec::new(), 0);
        for conversation in conversations {
            if count >= DeleteResolved::AT_ONCE as u64 {
                break;
            }
            first.push(conversation);
            let (from, to) = keys::all_of(conversation);
            let sql =
                "SELECT count(*) FROM convodb.message WHERE ws = $1 AND place BETWEEN $2 AND $3";
            let statement = Statement::new(sql).bind(self.ws).bind(from).bind(to);
            count += number_of(&self.query(statement).await?);
        }
        Ok(first)
    }

    /// How far a view has been built, as a command answers it.
    pub(crate) async fn show_progress(&mut self, id: &convodb_core::ViewId) -> Done<()> {
        let Some(saved) = self
            .directory
            .views
            .get(id)
            .filter(|saved| !saved.built.is_complete())
        else {
            return Ok(());
        };
        let done = saved.built.done;
        let mut view = convodb_core::View::clone(&saved.view);
        self.write_out().await?;
        let of = self.reader().count(&Filter::all()).await?;
        view.building = Some(convodb_core::ViewProgress::new(done.min(of), of));
        self.state.views = convodb_core::Entities::default();
        self.state.views.insert(id.clone(), Some(view));
        Ok(())
    }
}
