//! `lamplight serve` and `lamplight demo`: start, run, shut down.

use std::future::Future;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::bind::{Wanted, bind, resolve};
use super::welcome::{Place, welcome};
use crate::app::App;
use crate::config::Config;
use crate::home::{Home, LeftBehind};
use crate::http::listen::{self, Listening};
use crate::http::tls::{Tls, TlsError};
use crate::keys::bootstrap::{FirstKeys, FirstKeysError, first_keys};
use crate::router;
use crate::server::{BuildError, Server};
use crate::store::StoreError;
use crate::system::background::Background;
use crate::system::data_dir::{DataDir, DataDirError, Purpose};
use crate::system::disk_space::MEASURE_EVERY;
use crate::system::entropy::EntropyError;
use crate::system::hang_up::HangUp;
use crate::system::supervisor::{Failure, Supervisor, run_blocking};
use crate::web::console::login_link;
use crate::web::demo::Demo;

/// How long open requests may take to end after a stop. With the next two, 10 s in all.
const REQUESTS_GRACE: Duration = Duration::from_secs(5);
/// How long workers may take to finish what they have leased.
const WORKERS_GRACE: Duration = Duration::from_secs(3);
/// How long the databases may take to write everything to its final place.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// How often counted refusals are looked through for those to be logged.
const REFUSALS_EVERY: Duration = Duration::from_secs(5);

/// The server cannot start, or cannot continue.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The parts of the server cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The keys cannot be set up.
    #[error(transparent)]
    Keys(#[from] FirstKeysError),
    /// The sessions of the console cannot be read.
    #[error(transparent)]
    Sessions(#[from] StoreError),
    /// Another program listens there.
    #[error(
        "listen on {0}: another program is listening there already, perhaps another Lamplight \
         server. Stop it, or choose another address, such as --listen 127.0.0.1:9000"
    )]
    InUse(SocketAddr),
    /// The address cannot be listened on.
    #[error("listen on {address}; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A name to listen on has no address.
    #[error(
        "find the address of `{name}`, to listen on it: write a name of this machine, or one of its \
         IP addresses, with --listen"
    )]
    Name {
        /// The name.
        name: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The settings of the database are wrong.
    #[error("{0}")]
    Database(String),
    /// There is a stream, and nothing behind it.
    #[error(
        "use the intake stream of `intake_url`: it puts payloads into a PostgreSQL database, and none is \
         configured. Set `database_url`, or remove `intake_url`"
    )]
    IntakeWithoutDatabase,
    /// Data would stay behind in the data directory.
    #[error(transparent)]
    LeftBehind(#[from] LeftBehind),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The demo hands out a token that may read everything.
    #[error(
        "run the demo on {0}: its page gets a token that may read everything, so it listens on \
         loopback addresses only. Choose one, such as --listen 127.0.0.1:8787"
    )]
    DemoNotLoopback(SocketAddr),
    /// The background threads do not start.
    #[error("start the threads that process and deliver events")]
    Threads(#[source] std::io::Error),
    /// No token could be made for the demo page.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// A task or thread has failed, which is a bug.
    #[error(
        "keep the server running: {0}. This is a bug, please report it. No event that was accepted \
         is lost; restart the server to continue"
    )]
    Failed(Failure),
}

/// What to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The server.
    Serve,
    /// The server and a demo page.
    Demo,
}

/// Runs until `stop` ends, then finishes what was begun and returns.
///
/// # Errors
/// [`ServeError`], when the server cannot start, or when a task or thread that it needs has failed.
pub async fn serve(
    config: &Config,
    mode: Mode,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    serve_supervised(config, mode, stop, Supervisor::default()).await
}

/// Runs as [`serve`] does, with all tasks and threads under `supervisor`.
///
/// # Errors
/// [`ServeError`].
pub async fn serve_supervised(
    config: &Config,
    mode: Mode,
    stop: impl Future<Output = ()>,
    supervisor: Supervisor,
) -> Result<(), ServeError> {
    let wanted = resolve(&config.listen).await?;
    let mut public = wanted.iter().flat_map(Wanted::addresses).filter(|it| !it.ip().is_loopback());
    if let (Mode::Demo, Some(address)) = (mode, public.next()) {
        return Err(ServeError::DemoNotLoopback(address));
    }
    let tls = config.tls.files().map(Tls::load).transpose()?.map(Arc::new);
    // The address comes first: a second server has it in use, and says so.
    let (listeners, addresses): (Vec<_>, Vec<_>) = bind(&wanted)?.into_iter().unzip();
    warn_without_tls(config, &addresses);
    let server = Server::open(config, home(config, mode)?, supervisor).await?;
    let deliverers = server.deliverers()?;
    let webhook = server.alert_webhook()?;
    let background = Background::start().map_err(ServeError::Threads)?;
    // Keys come last: a start that fails must not have generated keys that nobody was shown.
    let keys = &*server.storage.keys;
    let keys = first_keys(&config.keys, keys, &*server.clock, &*server.entropy).await?;
    server.home().keep();

    server.storage.peers.join(&server.supervisor, &Handle::current()).await?;
    let sessions = server.storage.sessions.list(server.clock.now_ms()).await?;
    let app = Arc::new(server.app(keys.all.iter().cloned(), sessions, &deliverers));
    let demo = match mode {
        Mode::Demo => Some(Arc::new(Demo::new(&app, keys.write_key.as_deref())?)),
        Mode::Serve => None,
    };
    let (stopping, stopped) = watch::channel(false);
    let (supervisor, foreground) = (&server.supervisor, Handle::current());
    let measuring = measure_disk(Arc::clone(&app), stopped.clone());
    supervisor.spawn("disk measurement", &foreground, measuring);
    let counting = log_refusals(Arc::clone(&app), stopped.clone());
    supervisor.spawn("log of refusals", &foreground, counting);
    if let Some(tls) = &tls {
        let (tls, clock) = (Arc::clone(tls), Arc::clone(&server.clock));
        let following = tls.follow_files(clock, HangUp::listen(), stopped.clone());
        supervisor.spawn("watch of the certificate", &foreground, following);
    }
    server.start_workers(&app, deliverers, &stopped, background.handle());
    server.start_watching(&app, webhook, &stopped, background.handle())?;
    let router = router::router(&app, demo.as_ref());
    let (closing, closed) = watch::channel(false);
    let (listening, clients) = (Listening { listeners, tls }, Arc::clone(&app.addresses));
    let serving = listen::serve(listening, router, closed, REQUESTS_GRACE, clients);
    let serving = supervisor.spawn("listener", &foreground, serving);
    greet(config, &addresses, &app, server.home(), &keys, mode);

    tokio::select! {
        () = stop => {}
        // Requests in flight still get their response, and tasks finish what they have leased.
        _ = supervisor.failed() => {}
    }
    tracing::info!("shutting down");
    supervisor.begin_shutdown();
    let grace = REQUESTS_GRACE + WORKERS_GRACE + CLOSE_GRACE;
    app.drain(i64::try_from(grace.as_millis()).unwrap_or(i64::MAX));
    closing.send_replace(true);
    let _ = serving.await;
    stopping.send_replace(true);
    if tokio::time::timeout(WORKERS_GRACE, supervisor.finished()).await.is_err() {
        tracing::warn!("workers did not finish in time; the next start finishes their leased work");
    }
    if tokio::time::timeout(CLOSE_GRACE, server.close()).await.is_err() {
        tracing::warn!("the databases did not close in time; the next start recovers them");
    }
    app.refusals.log_all();
    tracing::info!("shut down");
    match supervisor.failure() {
        Some(failure) => Err(ServeError::Failed(failure)),
        None => Ok(()),
    }
}

/// Where the data is. The demo keeps to its own directory.
fn home(config: &Config, mode: Mode) -> Result<Home, ServeError> {
    let purpose = match mode {
        Mode::Serve => Purpose::Serve,
        Mode::Demo => Purpose::Demo,
    };
    let urls = config.database.urls().map_err(ServeError::Database)?;
    if urls.is_empty() && config.intake.is_set() && mode == Mode::Serve {
        return Err(ServeError::IntakeWithoutDatabase);
    }
    Ok(match mode {
        Mode::Serve if !urls.is_empty() => Home::database(urls, &config.data)?,
        _ => Home::Directory(DataDir::open_for_start(&config.data, purpose)?),
    })
}

/// Measures the free disk space until `stop` holds true.
async fn measure_disk(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let backlog = app.storage.payload_queue.backlog();
        // The measurement must not wait for a database that does not answer.
        if let Ok(Ok(backlog)) = tokio::time::timeout(MEASURE_EVERY, backlog).await {
            app.disk.expect(app.intake.shares.expected_bytes(backlog.events));
        }
        let (disk, now_ms) = (Arc::clone(&app.disk), app.clock.now_ms());
        if let Err(error) = run_blocking(move || disk.measure(now_ms)).await {
            tracing::warn!(%error, "failed to measure the free disk space");
        }
        tokio::select! {
            () = tokio::time::sleep(MEASURE_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Logs the counts of refused requests, each at most once a minute, until `stop` holds true.
async fn log_refusals(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(REFUSALS_EVERY) => {}
            _ = stop.changed() => {}
        }
        app.refusals.log_due();
    }
}

/// Says once that keys and events can be read on the way. A proxy that is named may be what
/// terminates TLS.
fn warn_without_tls(config: &Config, addresses: &[SocketAddr]) {
    let is_public = |address: &&SocketAddr| !address.ip().is_loopback();
    let public = addresses.iter().find(is_public);
    if let (Some(address), None, true) =
        (public, config.tls.files(), config.trusted_proxies.is_empty())
    {
        tracing::warn!(
            %address,
            "listening on a network without TLS, so others on the way can read keys and events: set \
             `tls_cert` and `tls_key`, or put a proxy that terminates TLS in front and name it in \
             `trusted_proxies`"
        );
    }
}

fn greet(
    config: &Config,
    addresses: &[SocketAddr],
    app: &App,
    home: &Home,
    keys: &FirstKeys,
    mode: Mode,
) {
    let place = Place { addresses, has_tls: config.tls.files().is_some(), home };
    let has_demo = mode == Mode::Demo;
    // The link is a secret. So it goes to a reader, not to the log of a service, except at the
    // first start, when the tokens are printed, too.
    let is_read = std::io::stdout().is_terminal() || has_demo || !keys.made.is_empty();
    let link = is_read.then(|| login_link(app, &place.url())).transpose();
    let link = link.unwrap_or_else(|error| {
        tracing::warn!(%error, "failed to make a link to the console");
        None
    });
    if let Err(error) =
        welcome(&mut std::io::stdout(), &place, keys, link.flatten().as_deref(), has_demo)
    {
        tracing::warn!(%error, "failed to print where the server listens");
    }
}

/// Ends when the process is asked to stop, by SIGTERM or Ctrl-C.
///
/// It listens from the moment of the call, not of the first poll, so that a signal that arrives
/// during the start also ends the server properly.
#[cfg(unix)]
pub fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};

    let listen = |kind: SignalKind| {
        let registered = signal(kind);
        async move {
            match registered {
                Ok(mut signal) => drop(signal.recv().await),
                Err(error) => {
                    tracing::warn!(%error, signal = kind.as_raw_value(), "failed to listen for a signal");
                    std::future::pending::<()>().await;
                }
            }
        }
    };
    let (terminate, interrupt) = (listen(SignalKind::terminate()), listen(SignalKind::interrupt()));
    async {
        tokio::select! {
            () = terminate => {}
            () = interrupt => {}
        }
    }
}

/// Ends when the process is asked to stop: by Ctrl-C, Ctrl-Break, or the end of its console or of
/// the system. Windows ends the process a few seconds after the last two, whatever it does then.
///
/// It listens from the moment of the call, not of the first poll, so that what arrives during the
/// start also ends the server properly.
#[cfg(windows)]
pub fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::windows;

    macro_rules! listen {
        ($event:ident) => {{
            let registered = windows::$event();
            async move {
                match registered {
                    Ok(mut event) => drop(event.recv().await),
                    Err(error) => {
                        let event = stringify!($event);
                        tracing::warn!(%error, event, "failed to listen for an event of the console");
                        std::future::pending::<()>().await;
                    }
                }
            }
        }};
    }
    let (interrupt, pause) = (listen!(ctrl_c), listen!(ctrl_break));
    let (close, shut_down) = (listen!(ctrl_close), listen!(ctrl_shutdown));
    async {
        tokio::select! {
            () = interrupt => {}
            () = pause => {}
            () = close => {}
            () = shut_down => {}
        }
    }
}
