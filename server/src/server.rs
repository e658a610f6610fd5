//! Starting, running and stopping.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::cli::welcome::welcome;
use crate::config::ServeArgs;
use crate::deliver;
use crate::http::listen;
use crate::keys::bootstrap::{FirstKeys, FirstKeysError, first_keys};
use crate::keys::keyring::Keyring;
use crate::process::enrich::{Enrichers, GeoError};
use crate::process::{REPLAY_PAYLOADS_MAX, Replayer, Worker};
use crate::retention::Retention;
use crate::router;
use crate::sinks::{self, SinkError};
use crate::store::sqlite::{self, OpenError, WriterLimits};
use crate::store::{DeliveryQueue, Storage, StoreError, WorkerSlot};
use crate::system::background::Background;
use crate::system::clock::{Clock, SystemClock};
use crate::system::data_dir::{DataDir, DataDirError};
use crate::system::disk_space::{DiskSpace, MEASURE_EVERY};
use crate::system::entropy::{Entropy, EntropyError, SystemEntropy};
use crate::web::demo::Demo;

/// Fewest workers of the process stage: while one waits for a sync, another plans. On larger machines there is one a core,
/// up to the number of shares.
const WORKERS_MIN: u32 = 2;
/// How long open requests may take to end after a stop. With the next two, 10 s in all.
const REQUESTS_GRACE: Duration = Duration::from_secs(5);
/// How long workers may take to finish what they have leased.
const WORKERS_GRACE: Duration = Duration::from_secs(3);
/// How long the databases may take to put everything in its final place.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file of places cannot be used.
    #[error(transparent)]
    Geo(#[from] GeoError),
    /// The keys cannot be set up.
    #[error(transparent)]
    Keys(#[from] FirstKeysError),
    /// A sink cannot be set up.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Someone listens there already.
    #[error(
        "listen on {0}: something is listening there already. Stop it, or choose another address with --listen"
    )]
    InUse(SocketAddr),
    /// The address cannot be listened on.
    #[error("listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The demo hands out a token that may read everything.
    #[error(
        "run the demo on {0}: it is for one's own machine and listens on loopback addresses only"
    )]
    DemoNotLoopback(SocketAddr),
    /// The threads for what comes after the answer do not start.
    #[error("start the threads that process and deliver")]
    Threads(#[source] std::io::Error),
    /// No token could be made for the demo page.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// What to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The server.
    Serve,
    /// The server and a page to try it on.
    Demo,
}

/// Runs until `stop` ends, then finishes what was begun and returns.
///
/// # Errors
/// [`StartError`]. Once the server has started, it does not fail.
pub async fn run(
    args: &ServeArgs,
    mode: Mode,
    stop: impl Future<Output = ()>,
) -> Result<(), StartError> {
    if mode == Mode::Demo && !args.listen.ip().is_loopback() {
        return Err(StartError::DemoNotLoopback(args.listen));
    }
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) =
        (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let enrichers = Arc::new(args.enrichment.enrichers()?);
    let dir = DataDir::open(&args.data)?;
    // Listening comes before the keys: a start that fails must not have made keys that nobody was shown.
    let (listener, address) = bind(args.listen).await?;
    let storage = open(&dir, args)?;
    let keys = first_keys(&args.keys, &*storage.keys, &*clock, &*entropy).await?;

    let floor_bytes = u64::from(args.disk_floor_mib) << 20;
    let disk = Arc::new(DiskSpace::new(dir.path().to_owned(), floor_bytes));
    let measuring = tokio::spawn(measure(Arc::clone(&disk), Arc::clone(&clock)));

    let (stopping, stopped) = watch::channel(false);
    let deliverers = deliverers(args, &storage.delivery_queue, &clock, &entropy)?;
    let sink_throughputs =
        deliverers.iter().map(|it| (Arc::clone(&it.name), Arc::clone(&it.throughput)));
    let app = Arc::new(App::new(
        storage.clone(),
        sink_throughputs.collect(),
        Keyring::new(keys.all.iter().cloned()),
        args.client_info(),
        clock,
        entropy,
        Arc::clone(&disk),
    ));
    let background = Background::start().map_err(StartError::Threads)?;
    let mut workers = JoinSet::new();
    work(args, enrichers, &app, &stopped, &mut workers, background.handle());
    for lane in deliverers.into_iter().flat_map(deliver::Worker::lanes) {
        workers.spawn_on(lane.run(stopped.clone()), background.handle());
    }
    let demo = match mode {
        Mode::Demo => Some(Arc::new(Demo::new(&app, keys.write_key.as_deref())?)),
        Mode::Serve => None,
    };
    let router = router::router(&app, demo.as_ref());
    let (closing, closed) = watch::channel(false);
    let serving = tokio::spawn(listen::serve(listener, router, closed, REQUESTS_GRACE));
    greet(address, &dir, &keys, mode);

    stop.await;
    tracing::info!("stopping");
    let grace = REQUESTS_GRACE + WORKERS_GRACE + CLOSE_GRACE;
    app.drain(i64::try_from(grace.as_millis()).unwrap_or(i64::MAX));
    closing.send_replace(true);
    let _ = serving.await;
    stopping.send_replace(true);
    if tokio::time::timeout(WORKERS_GRACE, async { while workers.join_next().await.is_some() {} })
        .await
        .is_err()
    {
        tracing::warn!(
            "workers did not finish in time; what they had leased is done at the next start"
        );
    }
    if tokio::time::timeout(CLOSE_GRACE, storage.close()).await.is_err() {
        tracing::warn!("the databases did not close in time; the next start puts that right");
    }
    measuring.abort();
    tracing::info!("stopped");
    drop(dir);
    Ok(())
}

fn open(dir: &DataDir, args: &ServeArgs) -> Result<Storage, OpenError> {
    let routes = args.sinks.iter().map(|named| named.config.route(&named.name)).collect();
    sqlite::open(&dir.intake_db(), &dir.store_db(), WriterLimits::default(), routes)
}

/// One worker for each sink.
fn deliverers(
    args: &ServeArgs,
    delivery_queue: &Arc<dyn DeliveryQueue>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Vec<deliver::Worker>, StartError> {
    let mut workers = Vec::with_capacity(args.sinks.len());
    for named in &args.sinks {
        workers.push(deliver::Worker {
            name: named.name.as_str().into(),
            sink: sinks::open(&named.name, &named.config)?,
            delivery_queue: Arc::clone(delivery_queue),
            retry: named.config.retry(),
            throughput: Arc::default(),
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
        });
    }
    Ok(workers)
}

/// Measures the disk's room again and again.
async fn measure(disk: Arc<DiskSpace>, clock: Arc<dyn Clock>) {
    loop {
        let (disk, now_ms) = (Arc::clone(&disk), clock.now_ms());
        let measured = tokio::task::spawn_blocking(move || disk.measure(now_ms)).await;
        if let Ok(Err(error)) = measured {
            tracing::warn!(%error, "failed to measure the room on the disk");
        }
        tokio::time::sleep(MEASURE_EVERY).await;
    }
}

/// Starts what runs beside requests: the process stage, replays and retention.
fn work(
    args: &ServeArgs,
    enrichers: Arc<Enrichers>,
    app: &App,
    stopped: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
    background: &Handle,
) {
    let App { storage, clock, entropy, process_throughput, .. } = app;
    for slot in WorkerSlot::among(workers(storage.payload_queue.workers_max())) {
        let worker = Worker {
            slot,
            payload_queue: Arc::clone(&storage.payload_queue),
            events: Arc::clone(&storage.events),
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
            planner: Arc::clone(&enrichers) as _,
            throughput: Arc::clone(process_throughput),
        };
        tasks.spawn_on(worker.run(stopped.clone()), background);
    }
    let replayer = Replayer {
        storage: storage.clone(),
        clock: Arc::clone(clock),
        payloads_max: REPLAY_PAYLOADS_MAX,
        planner: enrichers,
    };
    tasks.spawn_on(replayer.run(stopped.clone()), background);
    let retention = Retention {
        storage: storage.clone(),
        clock: Arc::clone(clock),
        rules: args.retention.rules(),
    };
    tasks.spawn_on(retention.run(stopped.clone()), background);
}

fn workers(workers_max: u32) -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores).unwrap_or(u32::MAX).max(WORKERS_MIN).min(workers_max)
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AddrInUse => StartError::InUse(address),
        _ => StartError::Listen { address, source },
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn greet(address: SocketAddr, dir: &DataDir, keys: &FirstKeys, mode: Mode) {
    let has_demo = mode == Mode::Demo;
    if let Err(error) = welcome(&mut std::io::stdout(), address, dir.path(), keys, has_demo) {
        tracing::warn!(%error, "failed to print where the server listens");
    }
}

/// Ends when the process is asked to stop: SIGTERM, or Ctrl-C.
pub async fn stop_signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "failed to wait for Ctrl-C");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "failed to wait for SIGTERM");
                std::future::pending::<()>().await;
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
