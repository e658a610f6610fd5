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
use crate::deliver;
use crate::error_recorder::ErrorRecorder;
use crate::keys::keyring::Keyring;
use crate::keys::sessions::SessionBook;
use crate::process::enrich::{Enrichers, GeoError};
use crate::process::{self, REPLAY_PAYLOADS_MAX, Replayer, Worker};
use crate::retention::{ClockGuard, Retention};
use crate::sinks::{self, SinkBook, SinkError};
use crate::store::sqlite::{self, OpenError, Opening, WriterLimits};
use crate::store::{Key, Session, Storage, StoreError, WorkerSlot};
use crate::system::clock::{Clock, SystemClock};
use crate::system::data_dir::DataDir;
use crate::system::disk_space::DiskSpace;
use crate::system::entropy::{Entropy, EntropyError, SystemEntropy};
use crate::system::supervisor::Supervisor;
use crate::watcher::{WatchRules, Watcher};

/// A server cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
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

/// The parts of a server over one data directory, which it holds until it is dropped.
pub struct Server {
    config: Config,
    dir: DataDir,
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
    /// Opens the databases in `dir`. From here on, whatever is stored is owed to the sinks of
    /// `config`. Nothing runs yet.
    ///
    /// # Errors
    /// [`BuildError`], when a database or the file of locations cannot be opened.
    pub fn open(config: &Config, dir: DataDir, supervisor: Supervisor) -> Result<Self, BuildError> {
        Self::open_as(config, dir, Opening::Serve(config.routes()), supervisor)
    }

    /// Opens the databases in `dir` for a purpose.
    ///
    /// # Errors
    /// [`BuildError`], as of [`Self::open`]. To read, also when they are of an earlier version.
    pub fn open_as(
        config: &Config,
        dir: DataDir,
        opening: Opening,
        supervisor: Supervisor,
    ) -> Result<Self, BuildError> {
        let enrichers = Arc::new(match &opening {
            Opening::Serve(_) => config.enrichment.enrichers()?,
            // They process nothing.
            Opening::Change | Opening::Read => Enrichers::default(),
        });
        let (limits, only_reads) = (WriterLimits::default(), matches!(opening, Opening::Read));
        let (intake, store) = (dir.intake_db(), dir.store_db());
        let storage = sqlite::open_as(&intake, &store, limits, opening, &supervisor)?;
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let clock_guard = Arc::new(ClockGuard::in_file(dir.clock_file()));
        let config = config.clone();
        Ok(Self {
            config,
            dir,
            only_reads,
            storage,
            enrichers,
            clock_guard,
            clock,
            entropy,
            supervisor,
        })
    }

    /// The data directory.
    pub fn dir(&self) -> &DataDir {
        &self.dir
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
                clock: Arc::clone(&self.clock),
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
            Arc::new(DiskSpace::new(self.dir.path().to_owned(), floor_bytes)),
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
        App {
            clock_guard,
            watch: Arc::new(watch),
            api_origins,
            has_tls,
            sinks: Arc::new(SinkBook::new(sinks)),
            sessions: Arc::new(SessionBook::new(sessions)),
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

    /// Starts what watches the server: trends, the rules of alerts, and their webhook.
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
        let added = Arc::<Notify>::default();
        let watcher = Watcher::new(Arc::clone(app), run, Arc::clone(&added));
        self.supervisor.spawn("watcher", background, watcher.run(stop.clone()));
        if let Some(webhook) = webhook {
            let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
            let alerts = Arc::clone(&self.storage.alerts);
            let courier = Courier { alerts, webhook, added, clock, entropy };
            self.supervisor.spawn("webhook of alerts", background, courier.run(stop.clone()));
        }
        Ok(())
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
        let workers = process::worker_count(self.storage.payload_queue.workers_max());
        for (number, slot) in (1..).zip(WorkerSlot::among(workers)) {
            let worker = Worker {
                slot,
                payload_queue: Arc::clone(&self.storage.payload_queue),
                events: Arc::clone(&self.storage.events),
                clock: Arc::clone(&self.clock),
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
