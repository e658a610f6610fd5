//! `GET /api/live`: streams events as they are stored.
//!
//! The id of each message is the event's position in the order of storing, so a client that
//! reconnects with `Last-Event-ID` continues after the last event that it received. Positions
//! survive restarts. If the order is no longer stored back to that position, the stream first sends
//! a `gap` message.

use std::sync::Arc;

use axum::extract::State;
use http::HeaderMap;

use super::access::Reader;
use super::cost::Stream;
use super::event_json::EventJson;
use super::filter::{self, FILTER};
use super::live_stream::{EventStream, LiveAsk};
use super::params::Params;
use super::sender::{MINE, Sender};
use super::span::SPAN;
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::LivePlace;

/// Describes [`live`].
pub const LIVE: Operation = Operation::new(Group::Query, "watchEvents", "Watch events arrive")
    .about(
        "A stream of server-sent events that stays open. Each stored event is an `event` message, whose \
         data is an `Event` in JSON. A `gap` message says that the server no longer has everything \
         since the last id. The stream ends with an `end` message if its client reads too slowly.",
    )
    .query(&[FILTER, SPAN, &[AFTER, MINE]])
    .headers(&[Param::new(
        "Last-Event-ID",
        Form::Text,
        "The id of the last message that was received. The stream continues after it. Counts more \
         than `after`",
    )]);
/// `after`.
const AFTER: Param = Param::new(
    "after",
    Form::Pattern(
        "^([0-9]{1,5}:)?[0-9]{1,19}\\.[0-9]{1,10}(,[0-9]{1,5}:[0-9]{1,19}\\.[0-9]{1,10})*$",
    ),
    "The id of a message of this stream",
);

/// `GET /api/live`.
pub async fn live(
    Reader { token, place, .. }: Reader<Stream>,
    State(app): State<Arc<App>>,
    params: Params,
    headers: HeaderMap,
    sender: Sender,
) -> Result<EventStream, Problem> {
    let ask = read_ask(&app, params, &headers, sender).await?;
    Ok(EventStream::open(app, token, place, ask, |event| {
        serde_json::to_string(&EventJson::new(event)).unwrap_or_default()
    }))
}

/// What a stream is asked to show.
///
/// # Errors
/// What is wrong with `params`, or that the database cannot be read.
pub(crate) async fn read_ask(
    app: &App,
    mut params: Params,
    headers: &HeaderMap,
    sender: Sender,
) -> Result<LiveAsk, Problem> {
    let (filter, _) = filter::read(&mut params)?;
    let after = params.value("after", "the id of a message of this stream", read_place)?;
    let sender = params.flag("mine")?.then_some(sender);
    params.finish(LIVE.query)?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let place = match last.and_then(read_place).or(after) {
        Some(place) => place,
        None => app.storage.reader.live_end().await?,
    };
    Ok(LiveAsk { filter, place, sender })
}

fn read_place(text: &str) -> Option<LivePlace> {
    text.parse().ok()
}
