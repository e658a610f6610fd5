//! State that every request can reach.

use std::collections::HashMap;
use std::sync::Arc;

use crate::api::Places;
use crate::figures::prometheus::NamedSources;
use crate::http::api_origins::ApiOrigins;
use crate::http::body::Receiver;
use crate::http::client_address::ClientAddresses;
use crate::http::refusals::Refusals;
use crate::http::shutdown::Shutdown;
use crate::intake::{ClientInfoPolicy, IntakeState};
use crate::keys::keyring::Keyring;
use crate::keys::sessions::SessionBook;
use crate::keys::shared_sessions::SharedSessions;
use crate::metrics::answers::Answers;
use crate::metrics::process::ProcessMetrics;
use crate::metrics::sink::SinkMetrics;
use crate::process;
use crate::retention::ClockGuard;
use crate::sinks::SinkBook;
use crate::store::{KeptPayload, PlannedEvent, Storage};
use crate::system::clock::Clock;
use crate::system::data_dir::PastRestore;
use crate::system::disk_space::DiskSpace;
use crate::system::entropy::Entropy;
use crate::watcher::WatchRules;

/// The metrics of each sink, by its name.
pub type MetricsBySink = HashMap<Arc<str>, Arc<SinkMetrics>>;

/// Reads the events of a payload as processing would now. `None` if it cannot.
pub type EventsOf = fn(&KeptPayload) -> Option<Vec<PlannedEvent>>;

/// State that every request can reach. Intake uses only the part in [`App::intake`].
pub struct App {
    /// Everything that is stored.
    pub storage: Storage,
    /// The keys that requests are checked against.
    pub keyring: Arc<Keyring>,
    /// Who is signed in to the console.
    pub sessions: Arc<SessionBook>,
    /// Who is signed in at any server on the same database.
    pub shared_sessions: Arc<SharedSessions>,
    /// The state of the intake stage.
    pub intake: Arc<IntakeState>,
    /// Receives the bodies of the API.
    pub bodies: Arc<Receiver>,
    /// Finds the client of a request.
    pub addresses: Arc<ClientAddresses>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and keys.
    pub entropy: Arc<dyn Entropy>,
    /// Reads the events of payloads that are not processed yet.
    pub events_of: EventsOf,
    /// What processing did.
    pub process_metrics: Arc<ProcessMetrics>,
    /// What was delivered to each sink.
    pub sink_metrics: MetricsBySink,
    /// The sinks of the configuration.
    pub sinks: Arc<SinkBook>,
    /// Counts of answers.
    pub answers: Arc<Answers>,
    /// The sources that metrics show by name.
    pub named_sources: NamedSources,
    /// When the process started, in milliseconds since 1970.
    pub started_ms: i64,
    /// The places of API calls.
    pub places: Places,
    /// Counts of refused requests, for the log.
    pub refusals: Arc<Refusals>,
    /// Free space on the data directory's disk.
    pub disk: Arc<DiskSpace>,
    /// What retention knows about the time.
    pub clock_guard: Arc<ClockGuard>,
    /// The restores from backups that the data directory has behind it.
    pub restores: Arc<[PastRestore]>,
    /// What is watched for.
    pub watch: Arc<WatchRules>,
    /// Whether the server is shutting down.
    pub shutdown: Arc<Shutdown>,
    /// Whether the server accepts HTTPS itself.
    pub has_tls: bool,
    /// The origins whose pages may call the API.
    pub api_origins: ApiOrigins,
}

/// Memory for bodies of the API, in bytes, and what is kept for small ones, which almost all are.
const BODIES_BYTES_MAX: u64 = 4 * 1024 * 1024;
const SMALL_BODIES_BYTES_MAX: u64 = 8 * 1024 * 1024;

impl App {
    /// An app that uses these parts.
    pub fn new(
        storage: Storage,
        sink_metrics: MetricsBySink,
        keyring: Keyring,
        client_info: ClientInfoPolicy,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        disk: Arc<DiskSpace>,
    ) -> Self {
        let (keyring, shutdown) = (Arc::new(keyring), Arc::<Shutdown>::default());
        let started_ms = clock.now_ms();
        let sessions = Arc::<SessionBook>::default();
        let refusals = Refusals::new(Arc::clone(&keyring), Arc::clone(&clock));
        let addresses = Arc::new(ClientAddresses::new(client_info.trusted_proxies.clone()));
        let bodies = Receiver::new(
            BODIES_BYTES_MAX,
            SMALL_BODIES_BYTES_MAX,
            Arc::clone(&addresses),
            Arc::clone(&clock),
        );
        let intake = IntakeState::new(
            Arc::clone(&storage.payload_queue),
            Arc::clone(&storage.reader),
            Arc::clone(&keyring),
            client_info,
            Arc::clone(&addresses),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            Arc::clone(&disk),
            Arc::clone(&shutdown),
        );
        Self {
            storage,
            keyring,
            shared_sessions: Arc::new(SharedSessions::new(Arc::clone(&sessions), None)),
            sessions,
            intake: Arc::new(intake),
            bodies: Arc::new(bodies),
            addresses,
            clock,
            entropy,
            events_of: process::events_of,
            process_metrics: Arc::default(),
            sink_metrics,
            sinks: Arc::default(),
            answers: Arc::default(),
            named_sources: NamedSources::default(),
            started_ms,
            places: Places::default(),
            refusals: Arc::new(refusals),
            disk,
            clock_guard: Arc::default(),
            restores: Arc::default(),
            watch: Arc::default(),
            shutdown,
            has_tls: false,
            api_origins: ApiOrigins::default(),
        }
    }

    /// The time that decides between in flight and lost. A clock that jumped ahead is not believed,
    /// or it would call everything lost that waits in a browser.
    pub fn known_now_ms(&self) -> i64 {
        self.clock_guard.certain_ms(self.clock.now_ms())
    }

    /// Begins the shutdown: from now on intake refuses payloads. The process ends after `grace_ms`.
    pub fn drain(&self, grace_ms: i64) {
        self.shutdown.begin(self.clock.now_ms(), grace_ms);
    }
}
