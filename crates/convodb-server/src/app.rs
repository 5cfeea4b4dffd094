//! What all handlers share: the store, and how they read it and give it commands.
//!
//! Invariant: the number of commands under way is bounded. A command beyond the bound is rejected at
//! once and costs the server no memory.

use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use convodb::{Command, Context, Outcome};
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::backend::Backend;
use crate::errors::{ApiError, chain};
use crate::healing::Healer;

/// The store, and what protects it.
pub(crate) struct App {
    pub(crate) store: Backend,
    /// Of a store in a file.
    healer: Option<Healer>,
    /// One permit for each command that may be under way.
    queue: Arc<Semaphore>,
    /// One for each read of many conversations that may be.
    scans: Arc<Semaphore>,
}

/// Few, so that they leave processors to the other requests.
const SCANS: usize = 2;

/// An answer, serialized.
pub(crate) struct Answer {
    status: StatusCode,
    json: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, value: &impl Serialize) -> Result<Self, ApiError> {
        match serde_json::to_vec(value) {
            Ok(json) => Ok(Self { status, json }),
            Err(error) => {
                tracing::error!("an answer cannot be serialized: {error}");
                Err(ApiError::of(StatusCode::INTERNAL_SERVER_ERROR))
            }
        }
    }

    pub(crate) fn ok(value: &impl Serialize) -> Result<Self, ApiError> {
        Self::new(StatusCode::OK, value)
    }

    /// 201 if this request created the value, 200 if it existed before.
    pub(crate) fn created(is_new: bool, value: &impl Serialize) -> Result<Self, ApiError> {
        let status = if is_new {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        Self::new(status, value)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = json_response(self.json);
        *response.status_mut() = self.status;
        response
    }
}

/// What is JSON already.
pub(crate) fn json_response(json: impl Into<Body>) -> Response {
    let mut response = Response::new(json.into());
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

impl App {
    /// A store to which at most `queue` commands are given at a time.
    pub(crate) fn new(store: Backend, queue: NonZeroUsize) -> std::io::Result<Self> {
        let permits = queue.get().min(Semaphore::MAX_PERMITS);
        let healer = match &store {
            Backend::File(file) => Some(Healer::new(file.clone())?),
            Backend::Postgres(_) => None,
        };
        Ok(Self {
            healer,
            store,
            queue: Arc::new(Semaphore::new(permits)),
            scans: Arc::new(Semaphore::new(SCANS)),
        })
    }

    /// Reads within the task of the request. On a file a read takes microseconds and never waits for a writer.
    pub(crate) async fn read<T>(
        &self,
        read: impl Future<Output = convodb::Result<T>>,
    ) -> Result<T, ApiError> {
        read.await.map_err(|error| self.failed(error))
    }

    /// Reads what can be many conversations: it holds up no other request. The read goes on to its end where the
    /// request takes too long.
    pub(crate) async fn scan<T: Send + 'static>(
        &self,
        read: impl Future<Output = convodb::Result<T>> + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = Arc::clone(&self.scans).acquire_owned().await.ok();
        self.apart(permit, read).await
    }

    /// Runs what takes long apart from its request: on a file, which blocks, on a thread of its own.
    pub(crate) async fn apart<T: Send + 'static>(
        &self,
        permit: impl Send + 'static,
        work: impl Future<Output = convodb::Result<T>> + Send + 'static,
    ) -> Result<T, ApiError> {
        let work = async move {
            let _permit = permit;
            work.await
        };
        let done = match &self.store {
            Backend::File(_) => {
                let runtime = Handle::current();
                tokio::task::spawn_blocking(move || runtime.block_on(work))
            }
            Backend::Postgres(_) => tokio::spawn(work),
        };
        match done.await {
            Ok(done) => done.map_err(|error| self.failed(error)),
            // It panicked, and the panic hook has logged it.
            Err(_) => Err(ApiError::of(StatusCode::INTERNAL_SERVER_ERROR)),
        }
    }

    /// The same for what blocks, whatever the store is.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        permit: Option<OwnedSemaphorePermit>,
        work: impl FnOnce() -> convodb::Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        match done.await {
            Ok(done) => done.map_err(|error| self.failed(error)),
            // It panicked, and the panic hook has logged it.
            Err(_) => Err(ApiError::of(StatusCode::INTERNAL_SERVER_ERROR)),
        }
    }

    /// Runs a command, and waits until it is durable.
    pub(crate) async fn execute<C: Command>(
        &self,
        context: Context,
        command: C,
    ) -> Result<Outcome<C::Output>, ApiError> {
        self.start(self.permit()?, context, command).await
    }

    /// So many commands may be given beside those under way.
    pub(crate) fn free(&self) -> usize {
        self.queue.available_permits()
    }

    /// Room for one command.
    pub(crate) fn permit(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let permit = Arc::clone(&self.queue).try_acquire_owned();
        permit.map_err(|_| ApiError::overloaded())
    }

    /// Starts a command at once. It is durable when the future has its outcome.
    pub(crate) fn start<C: Command>(
        &self,
        permit: OwnedSemaphorePermit,
        context: Context,
        command: C,
    ) -> impl Future<Output = Result<Outcome<C::Output>, ApiError>> + Send + use<'_, C> {
        let pending = self.store.submit(context, command);
        // The command runs even if its client disconnects, so the permit belongs to a task of its own.
        let done = tokio::spawn(async move {
            let outcome = pending.await;
            drop(permit);
            outcome
        });
        async move {
            match done.await {
                Ok(outcome) => outcome.map_err(|error| self.failed(error)),
                // The command panicked, and the panic hook has logged it.
                Err(_) => Err(ApiError::of(StatusCode::INTERNAL_SERVER_ERROR)),
            }
        }
    }

    /// The answer to an error of the store. It also starts a reopening, if the error needs one.
    pub(crate) fn failed(&self, error: convodb::Error) -> ApiError {
        self.notice(&error);
        let chain = chain(&error);
        let error = ApiError::from(error);
        if error.is_server_error() {
            tracing::warn!("the store failed: {chain}");
        }
        error
    }

    /// Starts a reopening, if the error needs one.
    pub(crate) fn notice(&self, error: &convodb::Error) {
        if let Some(healer) = &self.healer {
            healer.notice(error);
        }
    }

    /// Why the store cannot be read and written.
    pub(crate) async fn fault(&self) -> Option<&'static str> {
        let fault = self.store.fault().await;
        let is_healed = self.healer.as_ref().is_none_or(Healer::is_healthy);
        fault.or((!is_healed).then_some("the file is being reopened behind an error"))
    }
}

#[cfg(test)]
mod tests {
    use convodb::commands::SaveAssignee;
    use convodb::prelude::*;
    use convodb::{AssigneeId, UserId};

    use super::*;

    fn save(number: usize) -> convodb::Result<SaveAssignee> {
        let user = UserId::new(&format!("usr_{number}"))?;
        Ok(SaveAssignee {
            assignee: AssigneeId::from(user),
            name: "Alice".to_owned(),
        })
    }

    #[tokio::test]
    async fn a_command_beyond_the_bound_is_rejected_and_not_run() -> anyhow::Result<()> {
        let store = Store::in_memory()?;
        let app = App::new(Backend::File(store.clone()), NonZeroUsize::MIN)?;
        let mut first = Box::pin(app.execute(Context::new(), save(1)?));
        // No other task runs before this one waits, so the first command still has its permit.
        tokio::select! {
            biased;
            outcome = &mut first => anyhow::bail!("{:?}", outcome.map(|outcome| outcome.value)),
            () = std::future::ready(()) => {}
        }
        let second = app.execute(Context::new(), save(2)?).await;
        let refusal = format!("{:?}", second.err());
        assert!(refusal.contains("overloaded"), "{refusal}");
        assert!(first.await.is_ok());
        assert_eq!(store.assignees()?.len(), 1);
        assert!(app.execute(Context::new(), save(2)?).await.is_ok());
        assert_eq!(store.assignees()?.len(), 2);
        Ok(())
    }

    #[tokio::test]
    async fn a_command_whose_client_disconnects_runs_and_frees_its_permit() -> anyhow::Result<()> {
        let store = Store::in_memory()?;
        let app = App::new(Backend::File(store.clone()), NonZeroUsize::MIN)?;
        let mut first = Box::pin(app.execute(Context::new(), save(1)?));
        tokio::select! {
            biased;
            outcome = &mut first => anyhow::bail!("{:?}", outcome.map(|outcome| outcome.value)),
            () = std::future::ready(()) => {}
        }
        drop(first);
        while app.execute(Context::new(), save(2)?).await.is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.assignees()?.len(), 2);
        Ok(())
    }
}
