//! One connection: statements with typed parameters, alone or several in one round trip.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use deadpool_postgres::Object;
use futures_util::FutureExt as _;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error as PgError, Row};

/// A parameter with its type.
pub(crate) struct Param(Box<dyn ToSql + Sync + Send>, Type);

macro_rules! params {
    ($($rust:ty => $sql:ident;)+) => {$(
        impl From<$rust> for Param {
            fn from(value: $rust) -> Self {
                Self(Box::new(value), Type::$sql)
            }
        }
    )+};
}

params! {
    i16 => INT2;
    i32 => INT4;
    i64 => INT8;
    Option<i64> => INT8;
    bool => BOOL;
    Vec<u8> => BYTEA;
    Option<Vec<u8>> => BYTEA;
    &'static str => TEXT;
    String => TEXT;
    Vec<i16> => INT2_ARRAY;
    Vec<i32> => INT4_ARRAY;
    Vec<i64> => INT8_ARRAY;
    Vec<Option<i64>> => INT8_ARRAY;
    Vec<bool> => BOOL_ARRAY;
    Vec<Vec<u8>> => BYTEA_ARRAY;
    Vec<Option<Vec<u8>>> => BYTEA_ARRAY;
}

/// A statement with its parameters.
pub(crate) struct Statement {
    pub(crate) sql: Cow<'static, str>,
    pub(crate) params: Vec<Param>,
}

impl Statement {
    pub(crate) fn new(sql: impl Into<Cow<'static, str>>) -> Self {
        Self {
            sql: sql.into(),
            params: Vec::new(),
        }
    }

    pub(crate) fn bind(mut self, value: impl Into<Param>) -> Self {
        self.params.push(value.into());
        self
    }

    fn types(&self) -> Vec<Type> {
        self.params.iter().map(|param| param.1.clone()).collect()
    }

    fn refs(&self) -> Vec<&(dyn ToSql + Sync)> {
        let refs = self.params.iter();
        refs.map(|param| &*param.0 as &(dyn ToSql + Sync)).collect()
    }

    fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        let typed = self.params.iter();
        typed
            .map(|param| (&*param.0 as &(dyn ToSql + Sync), param.1.clone()))
            .collect()
    }
}

/// What a transaction begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Each statement sees what was committed before it.
    Write,
    /// All see one snapshot.
    Read,
}

impl Begin {
    const fn sql(self) -> &'static str {
        match self {
            Self::Write => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Self::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

/// A connection of the pool. It goes back there when it is dropped, without the transaction that it may be in: a
/// future that is dropped in the middle leaves none open.
pub(crate) struct Session {
    /// There until it is discarded.
    client: Option<Object>,
    /// Whether statements are prepared under names, which a pooler by transaction may not keep.
    named: bool,
    /// Whether a transaction was begun and has not ended.
    is_begun: AtomicBool,
}

impl Session {
    pub(crate) const fn new(client: Object, named: bool) -> Self {
        Self {
            client: Some(client),
            named,
            is_begun: AtomicBool::new(false),
        }
    }

    #[expect(
        clippy::expect_used,
        reason = "only `discard` takes it, with the session"
    )]
    fn client(&self) -> &Object {
        self.client.as_ref().expect("a session has a connection")
    }

    /// Takes the connection out of the pool, so that it is closed.
    pub(crate) fn discard(mut self) {
        drop(self.client.take().map(Object::take));
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client().is_closed()
    }

    pub(crate) async fn execute(&self, sql: &str) -> Result<(), PgError> {
        if sql.starts_with("BEGIN") {
            self.is_begun.store(true, Ordering::Relaxed);
        }
        self.client().batch_execute(sql).await?;
        if matches!(sql, "COMMIT" | "ROLLBACK") {
            self.is_begun.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Runs a statement.
    pub(crate) async fn query(&self, statement: &Statement) -> Result<Vec<Row>, PgError> {
        if !self.named {
            return self
                .client()
                .query_typed(&statement.sql, &statement.typed())
                .await;
        }
        let types = statement.types();
        let prepared = self
            .client()
            .prepare_typed_cached(&statement.sql, &types)
            .await?;
        self.client().query(&prepared, &statement.refs()).await
    }

    /// Runs statements in one round trip, in their order.
    pub(crate) async fn pipeline(
        &self,
        statements: &[Statement],
    ) -> Result<Vec<Vec<Row>>, PgError> {
        self.run(None, statements).await
    }

    /// Runs statements as one transaction in one round trip. An error of one undoes all.
    pub(crate) async fn transaction(
        &self,
        begin: Begin,
        statements: &[Statement],
    ) -> Result<Vec<Vec<Row>>, PgError> {
        self.run(Some(begin), statements).await
    }

    /// The same, as a transaction or within one.
    pub(crate) async fn run(
        &self,
        begin: Option<Begin>,
        statements: &[Statement],
    ) -> Result<Vec<Vec<Row>>, PgError> {
        // What is to be prepared first would let the statements behind it overtake.
        let mut prepared = Vec::with_capacity(statements.len());
        for statement in statements.iter().filter(|_| self.named) {
            let types = statement.types();
            prepared.push(
                self.client()
                    .prepare_typed_cached(&statement.sql, &types)
                    .await?,
            );
        }
        let mut prepared = prepared.iter();
        let mut running: Vec<Running<'_>> = Vec::with_capacity(statements.len() + 2);
        if let Some(begin) = begin {
            running.push(self.simple(begin.sql()));
        }
        for statement in statements {
            running.push(match prepared.next() {
                Some(prepared) => {
                    Box::pin(async move { self.client().query(prepared, &statement.refs()).await })
                }
                None => Box::pin(async move {
                    self.client()
                        .query_typed(&statement.sql, &statement.typed())
                        .await
                }),
            });
        }
        if begin.is_some() {
            running.push(self.simple("COMMIT"));
        }
        let mut rows = in_order(running).await?;
        if begin.is_some() {
            rows.pop();
            rows.remove(0);
        }
        Ok(rows)
    }

    fn simple<'a>(&'a self, sql: &'static str) -> Running<'a> {
        Box::pin(async move { self.client().batch_execute(sql).await.map(|()| Vec::new()) })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let (true, Some(client)) = (*self.is_begun.get_mut(), &self.client) {
            // It is sent at once, before what the next holder of the connection sends.
            let _ = client.batch_execute("ROLLBACK").now_or_never();
        }
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, PgError>> + Send + 'a>>;

/// The answers of requests, each of which is sent when its future is first polled: that is in their order.
/// All are waited for, and the first error is the answer of all.
async fn in_order(mut running: Vec<Running<'_>>) -> Result<Vec<Vec<Row>>, PgError> {
    let mut done: Vec<Option<Result<Vec<Row>, PgError>>> = Vec::new();
    done.resize_with(running.len(), || None);
    std::future::poll_fn(|context| {
        let mut pending = false;
        for (future, done) in running.iter_mut().zip(&mut done) {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(answer) => *done = Some(answer),
                    Poll::Pending => pending = true,
                }
            }
        }
        match pending {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
