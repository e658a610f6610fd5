//! Receives bodies: the one way to get the body of a request.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::request::Parts;
use http_body_util::BodyExt;

use super::budget::{Budget, Exhausted, Owner, Reservation};
use super::held::HeldBody;
use crate::http::client_address::ClientAddresses;
use crate::http::listen::Peer;
use crate::http::patience::{Deadline, Patience};
use crate::http::problem::Problem;
use crate::keys::keyring::HeldKey;
use crate::store::KeyKind;
use crate::system::clock::Clock;

/// The slowest mobile networks are faster than this, and a phone that changes its network sends
/// again after some seconds.
const PATIENCE: Patience = Patience { slack: Duration::from_secs(10), bytes_per_s_min: 4 * 1024 };

/// What a route accepts.
#[derive(Debug)]
pub(crate) struct BodyLimits {
    /// Largest body, in bytes.
    pub(crate) bytes_max: usize,
    /// What the client of a body that is too large can do.
    pub(crate) advice: &'static str,
}

/// Proof that a request carries valid credentials. A value exists only after they were checked.
pub(crate) trait Credentials {
    /// The name of the key, which is not secret.
    fn key_id(&self) -> &str;
    /// Whether only the operator's own backends have this key.
    fn is_of_backend(&self) -> bool;
}

impl Credentials for HeldKey {
    fn key_id(&self) -> &str {
        &self.key.id
    }

    fn is_of_backend(&self) -> bool {
        self.key.kind != KeyKind::Write
    }
}

/// Receives the bodies of requests within limits on their size, speed and memory.
pub struct Receiver {
    budget: Budget,
    addresses: Arc<ClientAddresses>,
    clock: Arc<dyn Clock>,
}

/// A whole body.
#[derive(Debug)]
pub(crate) struct ReceivedBody {
    pub(crate) bytes: Bytes,
    /// Its part of the memory for bodies.
    _reservation: Reservation,
}

/// Why a body was not received.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveError {
    #[error("the body is larger than {bytes_max} bytes{}: {advice}", declared(*declared_bytes))]
    TooLarge { bytes_max: usize, declared_bytes: Option<u64>, advice: &'static str },
    #[error(
        "the body arrived too slowly: it must arrive at 4 KiB/s or faster, and may fall behind that \
         by 10 s. Retry, with less in one request"
    )]
    TooSlow,
    #[error(
        "the connection ended, or its data became invalid, before the whole body arrived: retry"
    )]
    Cut,
    #[error("overloaded: {}. Retry after {retry_after_s} s", overloaded(exhausted))]
    Overloaded { exhausted: OverloadCause, retry_after_s: u32 },
}

/// Whose bodies take too much memory.
#[derive(Debug)]
pub(crate) struct OverloadCause(Exhausted);

fn declared(bytes: Option<u64>) -> String {
    bytes.map_or_else(String::new, |bytes| format!(" (Content-Length is {bytes})"))
}

fn overloaded(OverloadCause(exhausted): &OverloadCause) -> String {
    match exhausted {
        Exhausted::Everything => "the server is receiving too many bytes at the moment".to_owned(),
        Exhausted::Share(Owner::Key(id)) => {
            format!("the server is receiving too many bytes with key {id} at the moment")
        }
        Exhausted::Share(Owner::Address(address)) => {
            format!("the server is receiving too many bytes from {address} at the moment")
        }
    }
}

impl ReceiveError {
    /// The status and the code of the answer.
    pub(crate) fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "body_timeout"),
            Self::Cut => (StatusCode::BAD_REQUEST, "body_cut"),
            Self::Overloaded { .. } => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
        }
    }

    pub(crate) fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Overloaded { retry_after_s, .. } => Some(*retry_after_s),
            _ => None,
        }
    }

    /// Whether the connection cannot be used any more.
    pub(crate) fn closes(&self) -> bool {
        matches!(self, Self::TooSlow | Self::Cut)
    }
}

impl From<ReceiveError> for Problem {
    fn from(error: ReceiveError) -> Self {
        let (status, code) = error.status();
        let problem = Self::new(status, code, error.to_string());
        let problem = match error.retry_after_s() {
            Some(seconds) => problem.retry_after_s(seconds),
            None => problem,
        };
        if error.closes() { problem.close() } else { problem }
    }
}

impl Receiver {
    /// Receives bodies of at most `bytes_max` together, and of `reserve_bytes_max` more for small
    /// ones.
    pub(crate) fn new(
        bytes_max: u64,
        reserve_bytes_max: u64,
        addresses: Arc<ClientAddresses>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { budget: Budget::new(bytes_max, reserve_bytes_max), addresses, clock }
    }

    /// Receives the whole body of a request with these credentials.
    pub(crate) async fn receive(
        &self,
        head: &Parts,
        credentials: &impl Credentials,
        limits: &BodyLimits,
    ) -> Result<ReceivedBody, ReceiveError> {
        let peer = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
        let client = peer.map(|peer| self.addresses.client(peer, &head.headers));
        let (key_id, is_backend) = (credentials.key_id(), credentials.is_of_backend());
        let mut reservation = self.budget.reservation(key_id, client, is_backend);
        let Some(mut taken) = HeldBody::take_from(&head.extensions) else {
            return Err(ReceiveError::Cut);
        };
        let result = match self.check(taken.declared_bytes(), &reservation, limits) {
            Ok(()) => self.collect(taken.ask(), &mut reservation, limits).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(bytes) => Ok(ReceivedBody { bytes, _reservation: reservation }),
            Err(error) => {
                if !error.closes() {
                    taken.put_back();
                }
                Err(error)
            }
        }
    }

    /// Checks the announced length, before anything is received.
    fn check(
        &self,
        declared_bytes: Option<u64>,
        reservation: &Reservation,
        limits: &BodyLimits,
    ) -> Result<(), ReceiveError> {
        let &BodyLimits { bytes_max, advice } = limits;
        match declared_bytes {
            Some(bytes) if bytes > bytes_max as u64 => {
                Err(ReceiveError::TooLarge { bytes_max, declared_bytes, advice })
            }
            Some(bytes) => reservation.check(bytes).map_err(|error| self.overloaded(error)),
            None => Ok(()),
        }
    }

    async fn collect(
        &self,
        body: &mut Body,
        reservation: &mut Reservation,
        limits: &BodyLimits,
    ) -> Result<Bytes, ReceiveError> {
        let &BodyLimits { bytes_max, advice } = limits;
        // Most bodies arrive in one piece, which is then used without a copy.
        let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
        let mut deadline = Deadline::new(PATIENCE);
        loop {
            let frame = tokio::time::timeout_at(deadline.until(), body.frame()).await;
            let Some(frame) = frame.map_err(|_| ReceiveError::TooSlow)? else { break };
            // Trailers are ignored.
            let Ok(data) = frame.map_err(|_| ReceiveError::Cut)?.into_data() else { continue };
            let before = first.len() + joined.len();
            if before + data.len() > bytes_max {
                return Err(ReceiveError::TooLarge { bytes_max, declared_bytes: None, advice });
            }
            reservation.grow(data.len() as u64).map_err(|error| self.overloaded(error))?;
            deadline.proceed(data.len());
            if before == 0 {
                first = data;
            } else {
                joined.extend_from_slice(&std::mem::take(&mut first));
                joined.extend_from_slice(&data);
            }
        }
        Ok(if joined.is_empty() { first } else { joined.freeze() })
    }

    fn overloaded(&self, exhausted: Exhausted) -> ReceiveError {
        let retry_after_s = self.budget.retry_after_s(&exhausted, self.clock.now_ms());
        ReceiveError::Overloaded { exhausted: OverloadCause(exhausted), retry_after_s }
    }
}
