//! The intake stage: a request becomes a payload on disk, and only then a 2xx (I1).
//!
//! The checks, in order: key, origin, content type and encoding, shutdown, space on the disk, the
//! key's rate limit, size and speed of the body while it arrives, size while it is decompressed,
//! depth, JSON, number of events. Intake looks no event up and enriches nothing. An invalid event
//! does not fail the request: the process stage gives it an outcome later. A dry run
//! (`?validate=1`) makes the same checks, stores nothing, and answers what the outcomes would be. A
//! batch may ask which numbers have arrived. Once it is on disk, `arrived` looks that up.
//!
//! The key is not checked by an extractor, because a refusal must first read the rest of the body.
//! Otherwise the connection is reset and the client never sees the answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use lamplight_wire::limits::BODY_BYTES_MAX;
use tokio::time::Instant;

use crate::formats::lamplight::{self, FormatError};
use crate::http::body::{self, BodyLimits};
use crate::http::credentials;
use crate::keys::keyring::HeldKey;
use crate::metrics::intake::AcceptedBytes;
use crate::store::{Encoding, KeyKind, NewPayload, PayloadId, PayloadMetadata};

mod arrived;
mod client_info;
mod description;
mod dry_run;
mod origin;
mod refusal;
mod source_shares;
mod state;

pub use client_info::{ClientInfoPolicy, ClientNetwork};
use description::AcceptedJson;
pub use description::{
    EVENTS, LOGS, PREFLIGHT_EVENTS, PREFLIGHT_LOGS, describe_events, describe_logs,
    describe_preflight,
};
use refusal::Refusal;
use source_shares::disk_bytes;
pub use source_shares::{SourceShare, SourceShares};
pub use state::IntakeState;

/// What intake accepts.
const LIMITS: BodyLimits =
    BodyLimits { bytes_max: BODY_BYTES_MAX, advice: "send fewer events in one request" };
/// Largest uncompressed body that is read on the request's own thread, in bytes. Others are read on
/// a thread where they delay no other request.
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// `POST /v1/events`: events from anywhere, with a write key.
pub async fn events(State(state): State<Arc<IntakeState>>, request: Request) -> Response {
    accept(&state, request, KeyKind::Write).await
}

/// `POST /v1/logs`: events from backends, with a secret key.
pub async fn logs(State(state): State<Arc<IntakeState>>, request: Request) -> Response {
    accept(&state, request, KeyKind::Secret).await
}

async fn accept(state: &IntakeState, request: Request, kind: KeyKind) -> Response {
    let (head, _) = request.into_parts();
    let answer = match dry_run::is_asked(head.uri.query()) {
        Ok(false) => stage(state, &head, kind).await,
        Ok(true) => dry_run::check(state, &head, kind).await,
        Err(refusal) => Err(refusal),
    };
    match answer {
        Ok(json) => answered(json),
        Err(refusal) => refusal.problem().into_response(),
    }
}

/// A body that arrived within the limits of its key.
struct ReceivedBody {
    owner: Arc<HeldKey>,
    encoding: Encoding,
    body: body::ReceivedBody,
}

async fn receive_body(
    state: &IntakeState,
    head: &Parts,
    kind: KeyKind,
) -> Result<ReceivedBody, Refusal> {
    let owner = check_key(state, head, kind)?;
    let HeldKey { key, rates, meter, .. } = &*owner;
    origin::check(&owner, &head.headers)?;
    if !lamplight::accepts_content_type(&head.headers) {
        return Err(Refusal::content_type(&head.headers));
    }
    let declared = lamplight::declared_encoding(&head.headers).map_err(Refusal::ContentEncoding)?;
    check_open(state, &key.source)?;
    meter
        .check(rates, state.clock.now_ms())
        .map_err(|limit| Refusal::RateLimited { key_id: key.id.clone(), limit })?;
    let body = state.bodies.receive(head, &*owner, &LIMITS).await?;
    meter.charge_bytes(rates, body.bytes.len() as u64, state.clock.now_ms());
    let encoding = lamplight::encoding(declared, &body.bytes);
    Ok(ReceivedBody { owner, encoding, body })
}

async fn stage(state: &IntakeState, head: &Parts, kind: KeyKind) -> Result<Vec<u8>, Refusal> {
    let received = receive_body(state, head, kind).await?;
    // The monotonic clock, not the clock port: it measures how long the client waits.
    let begun = Instant::now();
    let size = read_body(state, &received, lamplight::measure).await?;
    let ReceivedBody { owner, encoding, body } = received;
    let HeldKey { key, rates, meter, .. } = &*owner;
    let received_ms = state.clock.now_ms();
    meter.charge_events(rates, size.cost(), received_ms);
    let id = PayloadId(state.entropy.uuid_v7(received_ms)?);
    let client_info = state.client_info(head);
    let metadata = PayloadMetadata {
        id,
        received_ms,
        key_id: key.id.clone(),
        source: key.source.clone(),
        encoding,
        events: size.events,
        unpacked_bytes: size.bytes,
        user_agent: client_info.user_agent,
        origin: client_info.origin,
        client: client_info.network,
    };
    let body_bytes = body.bytes.len() as u64;
    let takes = disk_bytes(body_bytes, u64::from(size.bytes), u64::from(size.events));
    state.shares.count(&key.source, takes, u64::from(size.events), received_ms);
    let in_flight = state.in_flight.enter(received_ms, u64::from(size.events));
    let payload = NewPayload { metadata, body: body.bytes.clone(), home: size.home };
    state.payload_queue.stage(payload).await?;
    drop(in_flight);
    let bytes = AcceptedBytes { body: body_bytes, decompressed: u64::from(size.bytes) };
    let events = u64::from(size.events);
    state.metrics.record(events, bytes, begun.elapsed(), state.clock.now_ms());
    let mut accepted =
        AcceptedJson { status: "OK", payload: id.to_string(), events: size.events, arrived: None };
    if !size.asked.is_empty() {
        let now_ms = state.clock.now_ms();
        accepted.arrived = Some(state.arrived.read(&key.source, &size.asked, now_ms).await);
    }
    Ok(serde_json::to_vec(&accepted).unwrap_or_default())
}

fn check_key(state: &IntakeState, head: &Parts, kind: KeyKind) -> Result<Arc<HeldKey>, Refusal> {
    let text = credentials::find(&head.headers, head.uri.query())
        .ok_or(Refusal::KeyMissing { wanted: kind })?;
    let owner = state
        .keyring
        .find(&text)
        .ok_or_else(|| Refusal::KeyUnknown(credentials::redacted(&text)))?;
    if owner.key.disabled_ms.is_some() {
        return Err(Refusal::KeyDisabled { key_id: owner.key.id.clone() });
    }
    if owner.key.kind != kind {
        let (key_id, is) = (owner.key.id.clone(), owner.key.kind);
        return Err(Refusal::KeyWrongKind { key_id, is, wanted: kind });
    }
    Ok(owner)
}

/// Refuses every payload during a shutdown, and while the disk is nearly full. Before that, it
/// refuses those of sources that sent more than their share.
fn check_open(state: &IntakeState, source: &str) -> Result<(), Refusal> {
    let now_ms = state.clock.now_ms();
    if let Some(retry_after_s) = state.shutdown.retry_after_s(now_ms) {
        return Err(Refusal::ShuttingDown { retry_after_s });
    }
    if let Some(retry_after_s) = state.disk.retry_after_s(now_ms) {
        return Err(Refusal::DiskLow { retry_after_s });
    }
    match state.disk.reserve_retry_after_s(now_ms) {
        Some(retry_after_s) if state.shares.is_over(source, now_ms) => {
            Err(Refusal::OverShare { source_name: source.to_owned(), retry_after_s })
        }
        _ => Ok(()),
    }
}

/// A reader of the text of a body.
type ReadText<T> = fn(&str) -> Result<T, FormatError>;

/// Reads a body with `read`. Its key is charged for what that took, even if the body is refused.
async fn read_body<T: Send + 'static>(
    state: &IntakeState,
    received: &ReceivedBody,
    read: ReadText<T>,
) -> Result<T, Refusal> {
    let (decompressed_bytes, read) = decompress_and_read(state, received, read).await?;
    let (HeldKey { rates, meter, .. }, bytes) =
        (&*received.owner, received.body.bytes.len() as u64);
    meter.charge_decompressed(rates, bytes, decompressed_bytes, state.clock.now_ms());
    Ok(read?)
}

/// Decompresses and reads a body, on a thread where that delays no other request if it may take
/// long. Returns how many bytes it has then.
async fn decompress_and_read<T: Send + 'static>(
    state: &IntakeState,
    received: &ReceivedBody,
    read: ReadText<T>,
) -> Result<(u64, Result<T, FormatError>), Refusal> {
    let ReceivedBody { encoding, body, .. } = received;
    let (encoding, body) = (*encoding, &body.bytes);
    if encoding == Encoding::Identity && body.len() <= INLINE_BYTES_MAX {
        return Ok(lamplight::read(encoding, body, read));
    }
    let permit = Arc::clone(&state.decompressing).acquire_owned().await;
    // The semaphore is never closed, so this error does not happen.
    let permit = permit.map_err(|_| Refusal::Stopped)?;
    let body = body.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        lamplight::read(encoding, &body, read)
    });
    Ok(reading.await?)
}

fn answered(json: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(json));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
