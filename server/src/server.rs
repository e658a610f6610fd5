//! Composition: the parts of a server, built from one configuration.
//!
//! `serve`, `demo`, offline `replay` and whatever else works on a data directory open it here, so
//! that all of them have the same sinks, enrichment and databases.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use crate::alerts::courier::{Courier, Webhook};
use crate::app::App;
use crate::config::Config;
use crate::databases::Databases;
use crate::deliver;
use crate::error_recorder::ErrorRecorder;
use crate::home::Home;
use crate::keys::following::Following;
use crate::keys::keyring::Keyring;
use crate::keys::sessions::SessionBook;
use crate::keys::shared_sessions::SharedSessions;
use crate::process::enrich::{Enrichers, GeoError};
use crate::process::{self, REPLAY_PAYLOADS_MAX, Replayer, Worker};
use crate::retention::{ClockGuard, Retention};
use crate::sinks::{self, SinkBook, SinkError};
use crate::store::postgres;
use crate::store::shards;
use crate::store::sqlite::OpenError;
use crate::store::stream;
use crate::store::{Key, Opening, Session, Storage, StoreError, WorkerSlot};
use crate::system::clock::{Clock, SystemClock};
use crate::system::entropy::{Entropy, EntropyError, SystemEntropy};
use crate::system::supervisor::Supervisor;
use crate::watcher::{WatchRules, Watcher};

/// A server cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A database of SQLite cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The PostgreSQL database cannot be used.
    #[error(transparent)]
    Postgres(#[from] postgres::OpenError),
    /// The settings of the intake stream are wrong.
    #[error("{0}")]
    IntakeUrl(String),
    /// The intake stream cannot be used.
    #[error(transparent)]
    Intake(#[from] stream::OpenError),
    /// Several PostgreSQL databases cannot be used together.
    #[error(transparent)]
    Shards(#[from] shards::OpenError),
    /// The file of locations cannot be used.
    #[error(transparent)]
    Geo(#[from] GeoError),
    /// A sink cannot be set up.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The webhook of alerts cannot be set up.
    #[error("set up the webhook of alerts: {0}")]
    Alerts(String),
    /// No number could be made for this process.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// The parts of a server over one data directory, which it holds until it is dropped, or over one
/// database.
pub struct Server {
    config: Config,
    home: Home,
    only_reads: bool,
    /// Everything that is stored.
    pub storage: Storage,
    enrichers: Arc<Enrichers>,
    clock_guard: Arc<ClockGuard>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and keys.
    pub entropy: Arc<dyn Entropy>,
    /// Stops the server when a task or thread ends that should not.
    pub supervisor: Supervisor,
}

impl Server {
    /// Opens the databases in `home`. From here on, whatever is stored is owed to the sinks of
    /// `config`. Nothing runs yet.
    ///
    /// # Errors
    /// [`BuildError`], when a database or the file of locations cannot be opened.
    pub async fn open(
        config: &Config,
        home: Home,
        supervisor: Supervisor,
    ) -> Result<Self, BuildError> {
        let opening = Opening::Serve(config.routes());
        let intake_url = config.intake.url().map_err(BuildError::IntakeUrl)?;
        Self::open_behind(intake_url.as_ref(), config, home, opening, supervisor).await
    }

    /// Opens the databases in `home` for a purpose.
    ///
    /// # Errors
    /// [`BuildError`], as of [`Self::open`]. To read, also when they are of an earlier version.
    pub async fn open_as(
        config: &Config,
        home: Home,
        opening: Opening,
        supervisor: Supervisor,
    ) -> Result<Self, BuildError> {
        Self::open_behind(None, config, home, opening, supervisor).await
    }

    /// Opens the databases in `home` for a purpose, behind an intake stream.
    async fn open_behind(
        stream: Option<&stream::IntakeUrl>,
        config: &Config,
        home: Home,
        opening: Opening,
        supervisor: Supervisor,
    ) -> Result<Self, BuildError> {
        let enrichers = Arc::new(match &opening {
            Opening::Serve(_) => config.enrichment.enrichers()?,
            // They process nothing.
            Opening::Change | Opening::Read => Enrichers::default(),
        });
        let only_reads = matches!(opening, Opening::Read);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let databases = Databases { stream, opening, entropy: &entropy, supervisor: &supervisor };
        let storage = Box::pin(databases.open(&home)).await?;
        let clock_guard = Arc::new(home.clock_guard());
        let config = config.clone();
        Ok(Self {
            config,
            home,
            only_reads,
            storage,
            enrichers,
            clock_guard,
            clock,
            entropy,
            supervisor,
        })
    }

    /// Where the data is.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Processes payloads again.
    pub fn replayer(&self) -> Replayer {
        Replayer {
            storage: self.storage.clone(),
            clock: Arc::clone(&self.clock),
            payloads_max: REPLAY_PAYLOADS_MAX,
            planner: Arc::clone(&self.enrichers) as _,
        }
    }

    /// One worker for each sink.
    ///
    /// # Errors
    /// [`BuildError::Sink`], when a sink is configured in a way that cannot work.
    pub fn deliverers(&self) -> Result<Vec<deliver::Worker>, BuildError> {
        let workers = self.config.sinks.iter().map(|named| {
            Ok(deliver::Worker {
                name: named.name.as_str().into(),
                sink: sinks::open(&named.name, &named.config)?,
                delivery_queue: Arc::clone(&self.storage.delivery_queue),
                retry: named.config.retry(),
                metrics: Arc::default(),
                clock: self.lease_clock(),
                entropy: Arc::clone(&self.entropy),
            })
        });
        workers.collect()
    }

    /// What requests can reach.
    pub fn app(
        &self,
        keys: impl IntoIterator<Item = Key>,
        sessions: impl IntoIterator<Item = Session>,
        deliverers: &[deliver::Worker],
    ) -> App {
        let floor_bytes = u64::from(self.config.disk_floor_mib) << 20;
        let sink_metrics =
            deliverers.iter().map(|it| (Arc::clone(&it.name), Arc::clone(&it.metrics)));
        let app = App::new(
            self.storage.clone(),
            sink_metrics.collect(),
            Keyring::new(keys),
            self.config.client_info(),
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
            Arc::new(self.home.disk(floor_bytes)),
        );
        let watch = WatchRules {
            alerts: self.config.alert_rules.clone(),
            has_webhook: self.config.alerts.has_webhook(),
            retention: self.config.retention.rules(),
        };
        let api_origins = self.config.api_origins();
        let clock_guard = Arc::clone(&self.clock_guard);
        let sinks = deliverers.iter().map(|it| (Arc::clone(&it.name), Arc::clone(&it.sink)));
        let has_tls = self.config.tls.files().is_some();
        let sessions = Arc::new(SessionBook::new(sessions));
        let has_peers = self.storage.peers.changes().is_some();
        let others = has_peers.then(|| Arc::clone(&self.storage.sessions));
        App {
            clock_guard,
            restores: self.home.restores().into(),
            watch: Arc::new(watch),
            api_origins,
            has_tls,
            sinks: Arc::new(SinkBook::new(sinks)),
            shared_sessions: Arc::new(SharedSessions::new(Arc::clone(&sessions), others)),
            sessions,
            ..app
        }
    }

    /// The webhook of alerts, if one is configured.
    ///
    /// # Errors
    /// [`BuildError::Alerts`], when it is configured in a way that cannot work.
    pub fn alert_webhook(&self) -> Result<Option<Webhook>, BuildError> {
        let given = self.config.alerts.webhook().map_err(BuildError::Alerts)?;
        let ca_file = self.config.alerts.alerts_webhook_ca_file.as_deref();
        let webhook = given.map(|(url, secret)| Webhook::new(&url, &secret, ca_file));
        webhook.transpose().map_err(BuildError::Alerts)
    }

    /// Starts what watches the server: trends, the rules of alerts, and their webhook; and what
    /// follows other servers.
    ///
    /// # Errors
    /// [`BuildError::Entropy`], when the system provides no randomness.
    pub fn start_watching(
        &self,
        app: &Arc<App>,
        webhook: Option<Webhook>,
        stop: &watch::Receiver<bool>,
        background: &Handle,
    ) -> Result<(), BuildError> {
        let run = u64::try_from(self.entropy.bits()? >> 64).unwrap_or(0);
        if let Some(changes) = self.storage.peers.changes() {
            let following = Following {
                keys: Arc::clone(&self.storage.keys),
                keyring: Arc::clone(&app.keyring),
                sessions: Arc::clone(&app.shared_sessions),
                clock: Arc::clone(&self.clock),
                changes,
            };
            let following = following.run(stop.clone());
            self.supervisor.spawn("copy of keys and sessions", background, following);
        }
        let added = Arc::<Notify>::default();
        let watcher = Watcher::new(Arc::clone(app), run, Arc::clone(&added));
        self.supervisor.spawn("watcher", background, watcher.run(stop.clone()));
        if let Some(webhook) = webhook {
            let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
            let (alerts, peers) =
                (Arc::clone(&self.storage.alerts), Arc::clone(&self.storage.peers));
            let courier = Courier { alerts, peers, webhook, added, clock, entropy };
            self.supervisor.spawn("webhook of alerts", background, courier.run(stop.clone()));
        }
        Ok(())
    }

    fn lease_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(self.storage.lease_clock.as_ref().unwrap_or(&self.clock))
    }

    /// Starts everything that runs beside requests: processing, delivery, replays and retention.
    /// Each task ends once `stop` holds true.
    pub fn start_workers(
        &self,
        app: &App,
        deliverers: Vec<deliver::Worker>,
        stop: &watch::Receiver<bool>,
        background: &Handle,
    ) {
        let workers = process::worker_count(&*self.storage.payload_queue);
        for (number, slot) in (1..).zip(WorkerSlot::among(workers)) {
            let worker = Worker {
                slot,
                payload_queue: Arc::clone(&self.storage.payload_queue),
                events: Arc::clone(&self.storage.events),
                clock: self.lease_clock(),
                entropy: Arc::clone(&self.entropy),
                planner: Arc::clone(&self.enrichers) as _,
                metrics: Arc::clone(&app.process_metrics),
            };
            let name = format!("worker {number}");
            self.supervisor.spawn(name, background, worker.run(stop.clone()));
        }
        let recorder = ErrorRecorder::new(app);
        self.supervisor.spawn("error recorder", background, recorder.run(stop.clone()));
        self.supervisor.spawn("replayer", background, self.replayer().run(stop.clone()));
        let retention = Retention {
            storage: self.storage.clone(),
            clock: Arc::clone(&self.clock),
            clock_guard: Arc::clone(&self.clock_guard),
            rules: self.config.retention.rules(),
        };
        self.supervisor.spawn("retention", background, retention.run(stop.clone()));
        for worker in deliverers {
            let sink = Arc::clone(&worker.name);
            for (number, lane) in (1..).zip(worker.lanes()) {
                let name = format!("lane {number} of sink {sink}");
                self.supervisor.spawn(name, background, lane.run(stop.clone()));
            }
        }
    }

    /// Closes the databases: what is queued is written, and everything reaches its final place.
    /// After [`Opening::Read`] there is nothing to write.
    ///
    /// # Errors
    /// [`StoreError`], from the first database that could not close.
    pub async fn close(&self) -> Result<(), StoreError> {
        if self.only_reads { Ok(()) } else { self.storage.close().await }
    }
}
