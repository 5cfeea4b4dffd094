//! `api-server`: the conversations API over HTTP, stored in convodb. Its README describes how to run
//! it; `api-server --help` lists the options.

mod app;
mod auth;
mod backend;
mod backoff;
mod bodies;
mod config;
mod errors;
mod feed;
mod handlers;
mod healing;
mod housekeeping;
mod inbox;
mod limits;
mod log;
mod metrics;
mod openapi;
mod request;
mod router;
mod secret_toml;
mod serve;
mod shutdown;
mod streams;
mod webhooks;

use std::io::{self, Write as _};
use std::net::TcpListener;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use convodb::{ErrorKind, Options};
use convodb_postgres::{PgOptions, PgStore};
use futures_util::future::join_all;
use tokio::runtime::Runtime;

use app::App;
use auth::Keys;
use auth::file::KeysFile;
use backend::Backend;
use config::{Config, Database, HashKey, Invocation};
use feed::Feed;
use handlers::meta::Secrets;
use log::Log;
use metrics::Metrics;
use router::Bounds;
use serve::Limits;
use webhooks::{Courier, Endpoint};

/// The exit code for an invalid command line, as clap has it.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let config = match Invocation::read() {
        Ok(Invocation::Serve(config)) => config,
        Ok(Invocation::HashKey(options)) => {
            return match hash_key(&options) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    report(&error);
                    ExitCode::FAILURE
                }
            };
        }
        Err(error) => {
            report(&error);
            return ExitCode::from(USAGE);
        }
    };
    if let Err(error) = config.check() {
        report(&error);
        return ExitCode::from(USAGE);
    }
    match Log::start(config.log_format).and_then(|log| run(&config).inspect(|()| log.finish())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints the digest of a key as the file of keys has it.
fn hash_key(options: &HashKey) -> Result<()> {
    let mut output = io::stdout().lock();
    let key = if options.new {
        let key = auth::file::make_key()?;
        writeln!(output, "key    = \"{key}\"")?;
        key
    } else {
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        let key = line.trim_end_matches(['\r', '\n']);
        config::check_key(key).context("the key cannot be used")?;
        key.to_owned()
    };
    writeln!(output, "sha256 = \"{}\"", auth::file::hash(&key))?;
    Ok(())
}

/// Prints why the server does not run, in one line.
fn report(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some errors say their cause themselves.
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    // Standard error may be closed.
    let _ = writeln!(io::stderr(), "api-server: {text}");
}

fn run(config: &Config) -> Result<()> {
    let endpoints = Endpoint::all(&config.webhooks(make_secret)?)?;
    // Before the store: if the port is taken, no file is created.
    let listener = listen(&config.listen)?;
    let metrics_listener = config.metrics_listen.as_deref().map(listen).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    // Before the store: a signal that comes while it is created leaves no temporary file.
    let mut signals = {
        let _context = runtime.enter();
        shutdown::Signals::new()?
    };
    // Without keys to read again, it does nothing.
    let hangup = {
        let _context = runtime.enter();
        auth::file::hangup()?
    };
    let keys = Keys::new(&config.api_keys, config.rate_limit);
    let keys = Arc::new(keys.with_secure_cookies(config.secure_cookies));
    if let Some(path) = &config.keys {
        let secrets = config.secrets().map(|(_, secret)| secret);
        let file = KeysFile::open(path, config.rate_limit, secrets, &keys)?;
        let _context = runtime.enter();
        tokio::spawn(file.watch(Arc::clone(&keys), hangup));
    }
    let Some(store) = runtime.block_on(open(config, &mut signals))? else {
        // A file that another process has is waited for on a thread of its own.
        runtime.shutdown_background();
        return Ok(());
    };
    let app = Arc::new(App::new(store.clone(), config.queue)?);
    let posting = {
        let _context = runtime.enter();
        let start =
            |endpoint: &Arc<Endpoint>| Courier::start(Arc::clone(&app), Arc::clone(endpoint));
        let couriers = endpoints.iter().map(start).collect();
        Posting {
            couriers,
            endpoints,
        }
    };
    let listeners = Listeners {
        api: listener,
        metrics: metrics_listener,
    };
    serve(config, app, keys, listeners, posting, runtime, signals)?;
    store
        .close()
        .context("the store cannot be closed cleanly")?;
    tracing::info!("the store is closed");
    Ok(())
}

fn listen(address: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(address);
    let listener = listener.with_context(|| format!("cannot listen on {address}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A random secret for webhooks without one. It is logged, as a receiver needs it to check signatures;
/// an API key in its place would let the receiver use the API.
fn make_secret() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).context("no secret can be made")?;
    let secret = format!("{:032x}", u128::from_be_bytes(bytes));
    tracing::warn!("no --webhook-secret: in this run webhooks are signed with {secret}");
    Ok(secret)
}

/// Opens the store. None where a signal comes before it is open.
async fn open(config: &Config, signals: &mut shutdown::Signals) -> Result<Option<Backend>> {
    let mut opening = pin!(open_store(config));
    tokio::select! {
        opened = &mut opening => return opened.map(Some),
        () = signals.wait() => {}
    }
    // A file that is being created is complete in a moment.
    if let Ok(opened) = tokio::time::timeout(shutdown::DRAIN, opening).await {
        opened?
            .close()
            .context("the store cannot be closed cleanly")?;
    }
    Ok(None)
}

async fn open_store(config: &Config) -> Result<Backend> {
    let path = match config.database()? {
        Database::File(path) => path,
        Database::Postgres(options) => {
            return Ok(Backend::Postgres(open_workspace(config, *options).await?));
        }
    };
    let options = Options::new()
        .cache_size((config.cache as usize) << 20)
        // A command of the tool, such as one that follows events, has it open for moments.
        .lock_timeout(config.lock_timeout);
    let place = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || options.open(place)).await?;
    let file = opened.with_context(|| format!("cannot open {}", path.display()))?;
    Ok(Backend::File(file))
}

/// Opens a workspace of a PostgreSQL database. No error has the password.
async fn open_workspace(config: &Config, options: PgOptions) -> Result<PgStore> {
    if config.migrate {
        let steps = convodb_postgres::migrate(&options).await;
        let steps = steps.context("cannot make the schema in PostgreSQL")?;
        tracing::info!("--migrate: steps of the schema taken: {steps}");
    }
    PgStore::open(options).await.map_err(|error| {
        let name = config.workspace();
        let hint = match error.kind() {
            ErrorKind::UnsupportedVersion => " (start it once with --migrate)",
            _ => "",
        };
        anyhow::Error::new(error).context(format!("cannot open the workspace `{name}`{hint}"))
    })
}

/// Where requests come in.
struct Listeners {
    api: TcpListener,
    /// Of metrics alone, without a key.
    metrics: Option<TcpListener>,
}

/// The receivers of events, and what posts to them.
struct Posting {
    couriers: Vec<Courier>,
    endpoints: Vec<Arc<Endpoint>>,
}

/// Serves until a signal, and then ends what is under way.
fn serve(
    config: &Config,
    app: Arc<App>,
    keys: Arc<Keys>,
    listeners: Listeners,
    posting: Posting,
    runtime: Runtime,
    mut signals: shutdown::Signals,
) -> Result<()> {
    let bounds = Bounds {
        body_bytes: config.body_limit,
        request: config.request_timeout,
    };
    let limits = Limits {
        connections: config.connections.get() as usize,
        head: config.request_timeout,
        drain: shutdown::DRAIN,
    };
    let feed = Feed::new(Arc::clone(&app), config.max_streams.get());
    let meta = Secrets {
        app_secret: config.meta_app_secret.clone(),
        verify_token: config.meta_verify_token.clone(),
    };
    let kept = config.kept();
    let metrics = Arc::new(Metrics::new(Arc::clone(&app)));
    let router = router::router(
        Arc::clone(&app),
        Arc::clone(&feed),
        &keys,
        posting.endpoints,
        Arc::clone(&metrics),
        meta,
        bounds,
    )?;
    let stopped = runtime.block_on(async {
        tokio::spawn(housekeeping::run(app, kept));
        let address = listeners.api.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(listeners.api)?;
        if let Some(listener) = listeners.metrics {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let address = listener.local_addr()?;
            tracing::info!("metrics are at http://{address}/metrics");
            let router = router::metrics_alone(metrics, config.request_timeout);
            tokio::spawn(serve::serve(
                listener,
                router,
                limits,
                std::future::pending(),
            ));
        }
        announce(&format!("listening on http://{address}"));
        let (stopping, stopped) = std::sync::mpsc::channel();
        let stop = async move {
            signals.wait().await;
            let _ = stopping.send(Instant::now());
            feed.close();
            shutdown::watch();
        };
        serve::serve(listener, router, limits, stop).await;
        Ok::<_, anyhow::Error>(stopped.try_recv().unwrap_or_else(|_| Instant::now()))
    })?;
    let deadline = stopped + shutdown::DRAIN;
    let ends = posting
        .couriers
        .into_iter()
        .map(|courier| courier.stop(deadline));
    runtime.block_on(join_all(ends));
    // Requests that are still under way are dropped. On a file their commands run before the store closes.
    runtime.shutdown_background();
    Ok(())
}

/// The one line of standard output, for which the starter of the server waits.
fn announce(line: &str) {
    let mut output = io::stdout().lock();
    // Standard output may be closed.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
