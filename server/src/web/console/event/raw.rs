//! The request that an event came in, as it was received.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use lamplight_wire::batch;
use lamplight_wire::time::SentAt;
use uuid::Uuid;

use super::subject::Subject;
use crate::api::cost::List;
use crate::api::{Params, read_trace};
use crate::app::App;
use crate::formats::lamplight;
use crate::http::path_text::PathText;
use crate::http::problem::Problem;
use crate::store::{Encoding, KeptPayload, PayloadId, PayloadSpan, StoreError};
use crate::system::supervisor::run_blocking;
use crate::web::console::caller::Viewer;
use crate::web::console::shown::{Markup, lines};

/// The most bytes of a request that the page shows.
const SHOWN_BYTES_MAX: usize = 16 * 1024;

/// A request, as the page shows it.
#[derive(Debug)]
pub(super) struct Raw {
    /// Its beginning.
    pub(super) text: Option<Markup>,
    /// How many bytes it has after decompression.
    pub(super) bytes: u64,
    /// How many were received.
    pub(super) received_bytes: u64,
    pub(super) is_cut: bool,
    /// Where all of it is downloaded.
    pub(super) download: String,
}

/// The payload, if it is kept.
pub(super) async fn kept(app: &App, id: PayloadId) -> Result<Option<KeptPayload>, StoreError> {
    let payloads = app.storage.archive.payloads(PayloadSpan::one(id), None, 1, u64::MAX).await?;
    Ok(payloads.into_iter().next())
}

/// When a request was sent, by the client's clock, if it says so.
pub(super) fn sent_ms(kept: &KeptPayload) -> Option<i64> {
    let text = lamplight::text(kept.metadata.encoding, &kept.body).ok()?;
    match batch::Body::read(&text).ok()?.sent_at {
        SentAt::At(time) => Some(time.ms),
        SentAt::Absent | SentAt::Unreadable => None,
    }
}

impl Raw {
    pub(super) fn new(kept: Option<&KeptPayload>, subject: &Subject) -> Self {
        let download = format!("{}/raw{}", subject.path, subject.query());
        let text = kept.and_then(|kept| lamplight::text(kept.metadata.encoding, &kept.body).ok());
        let Some((kept, text)) = kept.zip(text) else {
            return Self { text: None, bytes: 0, received_bytes: 0, is_cut: false, download };
        };
        let mut end = text.len().min(SHOWN_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            text: Some(lines(&text[..end], SHOWN_BYTES_MAX)),
            bytes: text.len() as u64,
            received_bytes: kept.body.len() as u64,
            is_cut: end < text.len(),
            download,
        }
    }
}

/// `GET /payloads/{id}`: leads to the first event of a payload, and its raw request.
pub(in crate::web::console) async fn of_payload(
    _: Viewer<List>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    params: Params,
) -> Result<Redirect, Problem> {
    params.finish(&[])?;
    let kept = match Uuid::try_parse(&id) {
        Ok(id) => kept(&app, PayloadId(id)).await?,
        Err(_) => None,
    };
    let kept = kept.ok_or_else(|| {
        Problem::not_found("no payload has this id: it is misspelled, or retention has deleted it")
    })?;
    let events_of = app.events_of;
    let first = run_blocking(move || events_of(&kept).and_then(|it| it.into_iter().next())).await;
    let first = first.ok_or_else(|| {
        Problem::not_found("no event of this payload can be read, so it has no page")
    })?;
    Ok(Redirect::to(&format!("/events/{}?tab=raw", first.id)))
}

/// `GET /events/{id}/raw`: the body of the request, as it was received.
pub(in crate::web::console) async fn download(
    _: Viewer<List>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    mut params: Params,
) -> Result<Response, Problem> {
    let source = params.text("source");
    params.finish(&[])?;
    let trace = read_trace(&app, &id, source.clone()).await?;
    let subject = Subject::new(&id, source, &trace);
    let kept = match subject.payload {
        Some(payload) => kept(&app, payload).await?,
        None => None,
    };
    let kept = kept.ok_or_else(|| {
        Problem::not_found(
            "the request of this event is not here: it has not arrived, or retention has deleted it",
        )
    })?;
    let ending = match kept.metadata.encoding {
        Encoding::Identity => "",
        Encoding::Gzip => ".gz",
        Encoding::Brotli => ".br",
        Encoding::Zstd => ".zst",
    };
    let name = format!("attachment; filename=\"payload-{}.json{ending}\"", kept.metadata.id);
    let name = HeaderValue::from_str(&name).map_err(|error| Problem::internal(&error))?;
    let mut response = Body::from(kept.body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_DISPOSITION, name);
    Ok(response)
}
