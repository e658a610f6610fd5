//! State that all requests to intake share.

use std::sync::Arc;

use http::request::Parts;
use tokio::sync::Semaphore;

use super::arrived::ArrivedReader;
use super::client_info::{ClientInfo, ClientInfoPolicy};
use super::source_shares::SourceShares;
use crate::http::body::Receiver;
use crate::http::client_address::ClientAddresses;
use crate::http::listen::Peer;
use crate::http::shutdown::Shutdown;
use crate::keys::keyring::Keyring;
use crate::metrics::in_flight::InFlight;
use crate::metrics::intake::IntakeMetrics;
use crate::store::{PayloadQueue, Reader};
use crate::system::clock::Clock;
use crate::system::disk_space::DiskSpace;
use crate::system::entropy::Entropy;

/// Memory for bodies until they are on disk, in bytes, and what is kept for small ones.
const BODIES_BYTES_MAX: u64 = 64 * 1024 * 1024;
const SMALL_BODIES_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bodies that are decompressed at the same time. Each may take 8 MiB.
const DECOMPRESSING_MAX: usize = 4;

/// State that all requests to intake share.
pub struct IntakeState {
    pub(super) payload_queue: Arc<dyn PayloadQueue>,
    /// Answers which numbers have arrived.
    pub(super) arrived: ArrivedReader,
    pub(super) keyring: Arc<Keyring>,
    pub(super) client_info: ClientInfoPolicy,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) disk: Arc<DiskSpace>,
    pub(super) shutdown: Arc<Shutdown>,
    /// How much each source sent recently.
    pub(crate) shares: SourceShares,
    /// Receives bodies.
    pub(super) bodies: Receiver,
    /// One permit for each body that may be decompressed at the same time.
    pub(super) decompressing: Arc<Semaphore>,
    /// Requests that wait until their payload is on disk.
    pub(crate) in_flight: InFlight,
    /// What intake has accepted, and how fast.
    pub(crate) metrics: IntakeMetrics,
}

impl IntakeState {
    /// State that uses these parts.
    #[allow(clippy::too_many_arguments, reason = "the parts of intake, each passed once")]
    pub fn new(
        payload_queue: Arc<dyn PayloadQueue>,
        reader: Arc<dyn Reader>,
        keyring: Arc<Keyring>,
        client_info: ClientInfoPolicy,
        addresses: Arc<ClientAddresses>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        disk: Arc<DiskSpace>,
        shutdown: Arc<Shutdown>,
    ) -> Self {
        Self {
            payload_queue,
            arrived: ArrivedReader::new(reader),
            keyring,
            client_info,
            shares: SourceShares::default(),
            bodies: Receiver::new(
                BODIES_BYTES_MAX,
                SMALL_BODIES_BYTES_MAX,
                addresses,
                Arc::clone(&clock),
            ),
            clock,
            entropy,
            disk,
            shutdown,
            decompressing: Arc::new(Semaphore::new(DECOMPRESSING_MAX)),
            in_flight: InFlight::default(),
            metrics: IntakeMetrics::default(),
        }
    }

    /// What would be stored about the client of a request, if it were a payload.
    pub(crate) fn client_info(&self, head: &Parts) -> ClientInfo {
        let peer = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
        self.client_info.client_info(&head.headers, peer)
    }
}
