//! The events of the store as they come, for any number of streams.
//!
//! Invariant: one task of the process reads what is new, while there are streams, and each stream holds little beside
//! its position. A stream whose client is too slow ends; the client goes on after the last event that it has. No writer
//! waits for a stream.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::response::sse;
use convodb::{ConversationId, ErrorKind, Event, EventKind, EventSeq};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::app::App;
use crate::auth::{Access, Scope};
use crate::backoff::Backoff;
use crate::errors::{ApiError, chain};

/// Events that a stream may be behind the newest one, while it follows.
const BEHIND: usize = 1_024;
/// Events that are read at a time.
const BATCH: usize = 100;
/// So that proxies do not cut a stream without events, and a client that is gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What all streams share.
pub(crate) struct Feed {
    app: Arc<App>,
    places: Arc<Semaphore>,
    live: Mutex<Live>,
}

/// The events that come, and the task that reads them.
struct Live {
    /// None when the server stops.
    events: Option<Sender<Arc<Encoded>>>,
    task: Option<JoinHandle<()>>,
}

/// An event, encoded once for all streams.
struct Encoded {
    number: EventSeq,
    conversation: Option<ConversationId>,
    /// The conversation that has the messages of a merged one.
    into: Option<ConversationId>,
    event: sse::Event,
}

impl Encoded {
    fn new(event: &Event) -> Option<Self> {
        let number = event.seq;
        let encoded = sse::Event::default()
            .id(number.to_string())
            .event(event.kind.as_str())
            .json_data(event);
        let encoded = encoded.inspect_err(|error| {
            tracing::error!("event {number} cannot be serialized: {error}");
        });
        Some(Self {
            number,
            conversation: event.subject.conversation_id(),
            into: match event.kind {
                EventKind::ConversationMerged { into } => Some(into),
                _ => None,
            },
            event: encoded.ok()?,
        })
    }
}

impl Feed {
    /// At most `streams` are open at a time.
    pub(crate) fn new(app: Arc<App>, streams: usize) -> Arc<Self> {
        Arc::new(Self {
            app,
            places: Arc::new(Semaphore::new(streams.min(Semaphore::MAX_PERMITS))),
            live: Mutex::new(Live {
                events: Some(channel(BEHIND).0),
                task: None,
            }),
        })
    }

    /// Opens a stream after an event, or after the newest.
    pub(crate) async fn open(
        self: &Arc<Self>,
        access: Access,
        after: Option<EventSeq>,
        conversation: Option<ConversationId>,
    ) -> Result<EventStream, ApiError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| ApiError::too_many_streams())?;
        let mut stream = EventStream {
            feed: Arc::clone(self),
            _place: place,
            access,
            conversation,
            position: EventSeq::ZERO,
            is_near: after.is_none(),
            read: VecDeque::new(),
            live: None,
            // The first one is sent at once.
            heartbeat: Instant::now(),
        };
        match after {
            Some(after) => {
                stream.position = after;
                stream.read_on().await.map_err(|error| match error.kind() {
                    // The number is valid, but not of this store: the client has read another one.
                    ErrorKind::InvalidInput => ApiError::conflict(error.to_string()),
                    _ => self.app.failed(error),
                })?;
            }
            None => stream.position = self.app.read(self.app.store.newest_event()).await?,
        }
        Ok(stream)
    }

    /// Ends all streams, as the server stops.
    pub(crate) fn close(&self) {
        let mut live = self.live();
        live.events = None;
        if let Some(task) = live.task.take() {
            task.abort();
        }
    }

    fn is_closed(&self) -> bool {
        self.live().events.is_none()
    }

    /// The events that come after this one, which is among the newest.
    fn follow(self: &Arc<Self>, after: EventSeq) -> Option<Receiver<Arc<Encoded>>> {
        let mut live = self.live();
        let events = live.events.clone()?;
        let receiver = events.subscribe();
        if live.task.as_ref().is_none_or(JoinHandle::is_finished) {
            let feed = Arc::clone(self);
            live.task = Some(tokio::spawn(async move { feed.run(events, after).await }));
        }
        Some(receiver)
    }

    /// Hands each new event to the streams, until there are none.
    async fn run(&self, streams: Sender<Arc<Encoded>>, mut after: EventSeq) {
        let mut backoff = Backoff::new(PAUSE, LONGEST_PAUSE);
        while !self.is_unused(&streams) {
            match self.read_new(&streams, after).await {
                Ok(newest) => {
                    after = newest;
                    backoff.reset();
                }
                Err(error) => {
                    self.app.notice(&error);
                    match error.kind() {
                        ErrorKind::Closed => return,
                        // Every stream ends at the gap.
                        ErrorKind::EventsPurged => {
                            if let Ok(newest) = self.app.store.newest_event().await {
                                after = newest;
                            }
                        }
                        _ => tracing::warn!("streams wait for the store: {}", chain(&error)),
                    }
                    sleep(backoff.next()).await;
                }
            }
        }
    }

    async fn read_new(
        &self,
        streams: &Sender<Arc<Encoded>>,
        mut after: EventSeq,
    ) -> convodb::Result<EventSeq> {
        self.app.store.events_changed(after).await?;
        for event in self.app.store.events(after, BATCH).await? {
            after = event.seq;
            // Every stream ends at the gap of an event that cannot be encoded. Without a stream, it fails to be sent.
            let encoded = Encoded::new(&event).map(Arc::new);
            encoded.and_then(|event| streams.send(event).ok());
        }
        Ok(after)
    }

    /// Whether there are no streams. If so, the next one starts a new task.
    fn is_unused(&self, streams: &Sender<Arc<Encoded>>) -> bool {
        let mut live = self.live();
        let is_unused = streams.receiver_count() == 0;
        if is_unused {
            live.task = None;
        }
        is_unused
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The events after a position: those that the store has, and then those that come.
pub(crate) struct EventStream {
    feed: Arc<Feed>,
    _place: OwnedSemaphorePermit,
    access: Access,
    /// Only its events.
    conversation: Option<ConversationId>,
    /// The last event that was taken, or passed over.
    position: EventSeq,
    /// Whether the last reading met the end.
    is_near: bool,
    /// What was read of the store.
    read: VecDeque<Event>,
    /// What comes after that.
    live: Option<Receiver<Arc<Encoded>>>,
    heartbeat: Instant,
}

impl EventStream {
    /// The next event or heartbeat. None ends the stream, and its client goes on after the last event that it has.
    pub(crate) async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if Instant::now() >= self.heartbeat {
                // A client that has no event yet goes on from here too.
                let heartbeat = sse::Event::default().comment("");
                return self.sent(heartbeat.id(self.position.to_string()));
            }
            let event = match self.live.as_mut().filter(|_| self.read.is_empty()) {
                Some(live) => match timeout_at(self.heartbeat, live.recv()).await {
                    Ok(Ok(event)) => event,
                    // The client is too slow, or the server stops.
                    Ok(Err(RecvError::Lagged(_) | RecvError::Closed)) => return None,
                    Err(_) => continue,
                },
                None => match self.read.pop_front() {
                    Some(event) => Arc::new(Encoded::new(&event)?),
                    None => {
                        self.read_on_or_end().await?;
                        continue;
                    }
                },
            };
            if event.number <= self.position {
                continue;
            }
            // Events in between were purged: the next request has this answer.
            if event.number != self.position.next() {
                return None;
            }
            self.position = event.number;
            let has = |id| [event.conversation, event.into].contains(&Some(id));
            if self.conversation.is_none_or(has) {
                return self.sent(event.event.clone());
            }
        }
    }

    /// Sends something, unless the key or the session has ended since.
    fn sent(&mut self, event: sse::Event) -> Option<sse::Event> {
        self.heartbeat = Instant::now() + HEARTBEAT;
        self.access.still_has(Scope::Read).then_some(event)
    }

    /// Reads what the store has. Where that may be the last of it, what comes is followed before it is read, so that
    /// no event is missing in between.
    async fn read_on(&mut self) -> convodb::Result<()> {
        let live = match self.is_near {
            true => self.feed.follow(self.position),
            false => None,
        };
        let events = self.feed.app.store.events(self.position, BATCH).await?;
        self.is_near = events.len() < BATCH;
        self.live = live.filter(|_| self.is_near);
        self.read = events.into();
        Ok(())
    }

    async fn read_on_or_end(&mut self) -> Option<()> {
        // A file is read without a pause.
        tokio::task::yield_now().await;
        if self.feed.is_closed() {
            return None;
        }
        match self.read_on().await {
            Ok(()) => Some(()),
            Err(error) => {
                self.feed.app.notice(&error);
                if error.kind() != ErrorKind::EventsPurged {
                    tracing::warn!("a stream ends, as the store failed: {}", chain(&error));
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use axum::http::HeaderMap;
    use axum::http::header::AUTHORIZATION;
    use convodb::prelude::*;
    use convodb::{Channel, ContactId, Inbound};

    use super::*;
    use crate::auth::Keys;
    use crate::backend::Backend;

    fn feed(store: &Store) -> anyhow::Result<(Arc<Feed>, Access)> {
        let app = App::new(Backend::File(store.clone()), NonZeroUsize::MIN)?;
        let keys = Arc::new(Keys::new(&["key".to_owned()], None));
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "Bearer key".parse()?);
        let access = keys.authenticate(&headers);
        let access = access.ok_or_else(|| anyhow::anyhow!("the key is not known"))?;
        Ok((Feed::new(Arc::new(app), 8), access))
    }

    /// Receives so many messages from a contact; the first one has two events.
    fn receive(store: &Store, messages: usize) -> anyhow::Result<()> {
        for _ in 0..messages {
            let contact = ContactId::new("con_1")?;
            store.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?;
        }
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stream_that_is_not_read_holds_up_nothing_and_ends_and_is_resumed()
    -> anyhow::Result<()> {
        let store = Store::in_memory()?;
        let (feed, access) = feed(&store)?;
        let open = async |after: Option<u64>| {
            let after = after.map(EventSeq::new);
            let stream = feed.open(access.clone(), after, None).await;
            let mut stream = stream.map_err(|error| anyhow::anyhow!("{error}"))?;
            // The number where it begins.
            assert!(stream.next().await.is_some());
            Ok::<_, anyhow::Error>(stream)
        };
        receive(&store, 1)?;
        let mut quick = open(Some(0)).await?;
        let mut slow = open(None).await?;
        for _ in 0..2 {
            assert!(quick.next().await.is_some());
        }
        receive(&store, 1)?;
        assert!(quick.next().await.is_some() && slow.next().await.is_some());
        let more = 2 * BEHIND;
        for _ in 0..more {
            receive(&store, 1)?;
            assert!(quick.next().await.is_some());
        }
        assert!(slow.next().await.is_none());
        assert_eq!(slow.position.get(), 3);

        let mut resumed = open(Some(slow.position.get())).await?;
        for _ in 0..more {
            assert!(resumed.next().await.is_some());
        }
        assert_eq!(resumed.position, store.newest_event()?);
        Ok(())
    }

    #[tokio::test]
    async fn one_task_reads_for_all_streams_and_ends_behind_the_last() -> anyhow::Result<()> {
        let store = Store::in_memory()?;
        let (feed, access) = feed(&store)?;
        let mut streams = Vec::new();
        for _ in 0..8 {
            let stream = feed.open(access.clone(), None, None).await;
            streams.push(stream.map_err(|error| anyhow::anyhow!("{error}"))?);
        }
        assert!(feed.open(access.clone(), None, None).await.is_err());
        for stream in &mut streams {
            assert!(stream.next().await.is_some());
        }
        for _ in 0..2 {
            receive(&store, 1)?;
            for stream in &mut streams {
                assert!(stream.next().await.is_some());
            }
        }
        let is_running = || feed.live().task.is_some();
        assert!(is_running());
        drop(streams);
        // It notices with the next event.
        receive(&store, 1)?;
        while is_running() {
            tokio::task::yield_now().await;
        }
        assert!(feed.open(access, None, None).await.is_ok());
        feed.close();
        Ok(())
    }
}
