//! Connections.

use std::time::Duration;

use convodb_core::{Error, ErrorKind, Result};
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime,
};
use tokio_postgres::NoTls;
use tokio_postgres::config::{Host, SslMode};

use crate::error::of_pool;
use crate::fault::{Done, Fault};
use crate::options::PgOptions;
use crate::session::Session;
use crate::tls;

/// Plans hold for every table size: rows are found by their keys, also where a table was small when its plan was
/// made. A row that something else has locked keeps the commits of a workspace waiting for so long at most.
const SETTINGS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
     SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; SET lock_timeout = '5s'";

/// After so long without an answer a connection is probed.
const KEEPALIVE: Duration = Duration::from_secs(30);

pub(crate) fn new(options: &PgOptions) -> Result<Pool> {
    let mut config = options.config.clone();
    if config.get_application_name().is_none() {
        config.application_name("convodb");
    }
    // A server that has gone without a word is noticed, also while a command takes long.
    config.keepalives_idle(config.get_keepalives_idle().min(KEEPALIVE));
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(options.deadline);
    }
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let is_remote = |host: &Host| matches!(host, Host::Tcp(_));
    // A socket of this machine is not encrypted.
    let manager = match config.get_ssl_mode() {
        SslMode::Prefer | SslMode::Require if config.get_hosts().iter().any(is_remote) => {
            Manager::from_config(config, tls::connector(&options.roots)?, recycling)
        }
        _ => Manager::from_config(config, NoTls, recycling),
    };
    let mut pool = Pool::builder(manager)
        .max_size(options.connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(options.deadline))
        .create_timeout(Some(options.deadline));
    if options.has_named_statements {
        pool = pool.post_create(Hook::async_fn(|client, _| {
            Box::pin(async move {
                let set = client.batch_execute(SETTINGS).await;
                set.map_err(HookError::Backend)
            })
        }));
    }
    pool.build().map_err(|error| {
        let message = format!("the connections cannot be set up: {error}");
        Error::new(ErrorKind::Unavailable, message)
    })
}

pub(crate) async fn session(pool: &Pool, options: &PgOptions) -> Result<Session> {
    connect(pool, options).await.map_err(Fault::into_error)
}

/// The same, with a fault that says whether to try again.
pub(crate) async fn connect(pool: &Pool, options: &PgOptions) -> Done<Session> {
    match pool.get().await {
        Ok(client) => Ok(Session::new(client, options.has_named_statements)),
        Err(PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error))) => {
            Err(error.into())
        }
        Err(error) => Err(of_pool(error).into()),
    }
}
