//! The intake stage: a request becomes a payload on disk, and only then a 2xx (I1).
//!
//! Checks, in order: key, its origins, content type and encoding, room on the disk, the key's rate, size and pace while it
//! arrives, size while it unpacks, depth, JSON, number of events. Nothing is looked up, enriched or parsed further: an event's own faults become its outcome later.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use lamplight_wire::{batch, limits};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::formats::decompress::unpack;
use crate::http::credentials;
use crate::http::listen::Peer;
use crate::keys::keyring::HeldKey;
use crate::store::{Encoding, KeyKind, NewPayload, PayloadId, PayloadMetadata};

mod budget;
mod client_info;
mod origin;
mod proxies;
mod receive;
mod refusal;

use budget::Budget;
pub use client_info::{ClientNetwork, Clients};
pub use proxies::{Network, NetworkError, TrustedProxies};
use refusal::Refusal;

/// Bodies up to this size that are not packed are checked at once; others where they hold up nobody.
const CHECK_AT_ONCE_BYTES_MAX: usize = 64 * 1024;

/// Limits that all requests share.
#[derive(Debug)]
pub struct IntakeLimits {
    /// Memory for bodies that are being received.
    receiving: Budget,
    /// Bodies being unpacked at a time. Each may take 8 MiB.
    unpacking: Arc<Semaphore>,
}

impl Default for IntakeLimits {
    fn default() -> Self {
        Self { receiving: Budget::new(64 * 1024 * 1024), unpacking: Arc::new(Semaphore::new(4)) }
    }
}

/// `POST /v1/events`: events from anywhere, with a write key.
pub async fn events(State(app): State<Arc<App>>, request: Request) -> Response {
    take(&app, request, KeyKind::Write).await
}

/// `POST /v1/logs`: events from backends, with a secret key.
pub async fn logs(State(app): State<Arc<App>>, request: Request) -> Response {
    take(&app, request, KeyKind::Secret).await
}

async fn take(app: &App, request: Request, kind: KeyKind) -> Response {
    let (head, mut body) = request.into_parts();
    match stage(app, &head, &mut body, kind).await {
        Ok((payload, events)) => accepted(payload, events),
        Err(refusal) => {
            if refusal.leaves_body() {
                receive::discard(body).await;
            }
            refusal.problem().into_response()
        }
    }
}

async fn stage(
    app: &App,
    head: &Parts,
    body: &mut Body,
    kind: KeyKind,
) -> Result<(PayloadId, u32), Refusal> {
    let owner = check_key(app, head, kind)?;
    let HeldKey { key, meter } = &*owner;
    if !origin::is_allowed(&key.rules.origins, &head.headers) {
        return Err(Refusal::OriginNotAllowed);
    }
    check_content_type(&head.headers)?;
    let encoding = content_encoding(&head.headers)?;
    check_open(app)?;
    if let Some(retry_after_s) = meter.wait_s(&key.rules, app.clock.now_ms()) {
        return Err(Refusal::TooFast { retry_after_s });
    }
    let (body, _share) =
        receive::receive(body, &app.intake_limits.receiving, app.clock.now_ms()).await?;
    meter.charge_bytes(&key.rules, body.len() as u64, app.clock.now_ms());
    let encoding = encoding_of(encoding, &body);
    let (events, unpacked_bytes) = check(app, encoding, &body).await?;
    let received_ms = app.clock.now_ms();
    meter.charge_events(&key.rules, u64::from(events), received_ms);
    let id = PayloadId(app.entropy.uuid_v7(received_ms)?);
    let peer = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
    let facts = app.clients.facts(&head.headers, peer);
    let metadata = PayloadMetadata {
        id,
        received_ms,
        key_id: key.id.clone(),
        source: key.source.clone(),
        encoding,
        events,
        unpacked_bytes,
        user_agent: facts.user_agent,
        origin: facts.origin,
        client: facts.client,
    };
    let place = app.intake_in_flight.enter(received_ms, u64::from(events));
    app.storage.payload_queue.stage(NewPayload { metadata, body }).await?;
    drop(place);
    app.intake_throughput.record(u64::from(events), received_ms, app.clock.now_ms());
    Ok((id, events))
}

/// Whether anything is taken at all just now.
fn check_open(app: &App) -> Result<(), Refusal> {
    if let Some(retry_after_s) = app.drained_retry_after_s() {
        return Err(Refusal::Draining { retry_after_s });
    }
    match app.disk.retry_after_s(app.clock.now_ms()) {
        Some(retry_after_s) => Err(Refusal::DiskLow { retry_after_s }),
        None => Ok(()),
    }
}

fn check_key(app: &App, head: &Parts, kind: KeyKind) -> Result<Arc<HeldKey>, Refusal> {
    let text = credentials::find(&head.headers, head.uri.query()).ok_or(Refusal::KeyMissing)?;
    let owner = app.keyring.find(&text).ok_or(Refusal::KeyUnknown)?;
    match (owner.key.kind, kind) {
        _ if owner.key.disabled_ms.is_some() => Err(Refusal::KeyDisabled),
        (is, wanted) if is == wanted => Ok(owner),
        (KeyKind::Secret, KeyKind::Write) => Err(Refusal::KeyWrongKind(
            "it is a secret key, which belongs on backends and to /v1/logs; use a write key here",
        )),
        (_, KeyKind::Write) => Err(Refusal::KeyWrongKind("it is not a write key")),
        _ => Err(Refusal::KeyWrongKind("it is not a secret key")),
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).map(str::trim);
    let known = |essence: &str| {
        ["application/json", "text/plain"].iter().any(|known| essence.eq_ignore_ascii_case(known))
    };
    if essence.is_some_and(known) { Ok(()) } else { Err(Refusal::ContentType) }
}

/// How the body says it is packed, if it does.
fn content_encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Refusal> {
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(None) };
    let value = value.to_str().map_err(|_| Refusal::ContentEncoding)?.trim().to_ascii_lowercase();
    Encoding::from_name(&value).map(Some).ok_or(Refusal::ContentEncoding)
}

/// How a body is packed: as its header says, or, if there is none, as its first bytes say.
fn encoding_of(said: Option<Encoding>, body: &[u8]) -> Encoding {
    match said {
        Some(encoding) => encoding,
        None if body.starts_with(&batch::GZIP_MAGIC) => Encoding::Gzip,
        None => Encoding::Identity,
    }
}

/// The number of events in a body, and its size once unpacked.
async fn check(app: &App, encoding: Encoding, body: &Bytes) -> Result<(u32, u32), Refusal> {
    if encoding == Encoding::Identity && body.len() <= CHECK_AT_ONCE_BYTES_MAX {
        return count(encoding, body);
    }
    let turn = Arc::clone(&app.intake_limits.unpacking).acquire_owned().await;
    // Nobody closes it, so there is always a turn to wait for.
    let turn = turn.map_err(|_| Refusal::Cut)?;
    let body = body.clone();
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        count(encoding, &body)
    })
    .await?
}

fn count(encoding: Encoding, body: &[u8]) -> Result<(u32, u32), Refusal> {
    let text = unpack(encoding, body, limits::UNPACKED_BYTES_MAX)?;
    let events = batch::Body::read(&text)?.events.len();
    // Both are within limits that fit.
    Ok((u32::try_from(events).unwrap_or(u32::MAX), u32::try_from(text.len()).unwrap_or(u32::MAX)))
}

fn accepted(payload: PayloadId, events: u32) -> Response {
    let text = format!(r#"{{"status":"OK","payload":"{payload}","events":{events}}}"#);
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
