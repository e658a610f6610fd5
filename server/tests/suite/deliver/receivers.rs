//! Receivers: APIs that behave as the real ones are documented, behind an unreliable network.

use std::future::pending;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use flate2::read::GzDecoder;
use lamplight_server::sinks::http::{Answer, Http, Posting, Request};
use lamplight_server::sinks::{
    AttemptResult, BatchLimits, CheckResult, Checking, SendReport, Sending, Sink, SinkHealth,
};
use lamplight_server::store::{EventRow, Reason, RowId};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use uuid::Uuid;

use crate::deliver::checked_queue::Shared;
use crate::deliver::event::{METRICS, WEBHOOK};
use crate::deliver::faults::RequestFault;

/// The most events of a request.
const EVENTS_MAX: usize = 4;
/// How long the client waits for a response.
const PATIENCE: Duration = Duration::from_secs(30);

/// An HTTP API.
pub(crate) struct Api {
    pub(crate) sink: &'static str,
    pub(crate) shared: Arc<Shared>,
}

/// An event as it arrives.
struct Arrived {
    id: RowId,
    is_broken: bool,
    text: Box<RawValue>,
}

#[derive(Deserialize)]
struct Imported<'a> {
    event: &'a str,
    properties: Properties<'a>,
}

#[derive(Deserialize)]
struct Properties<'a> {
    #[serde(rename = "$insert_id")]
    insert_id: &'a str,
}

#[derive(Deserialize)]
struct WebhookBody {
    events: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct WebhookEvent<'a> {
    id: &'a str,
    name: &'a str,
}

impl Api {
    fn read(&self, body: &[u8]) -> Vec<Arrived> {
        if self.sink == WEBHOOK {
            let hooked: WebhookBody = serde_json::from_slice(body).unwrap();
            let arrived = |text: Box<RawValue>| {
                let WebhookEvent { id, name } = serde_json::from_str(text.get()).unwrap();
                Arrived { id: row(id), is_broken: name == "broken", text: text.clone() }
            };
            return hooked.events.into_iter().map(arrived).collect();
        }
        let mut decompressed = String::new();
        GzDecoder::new(body).read_to_string(&mut decompressed).unwrap();
        let texts: Vec<Box<RawValue>> = serde_json::from_str(&decompressed).unwrap();
        let arrived = |text: Box<RawValue>| {
            let Imported { event, properties } = serde_json::from_str(text.get()).unwrap();
            let (id, is_broken) = (row(properties.insert_id), event == "broken");
            Arrived { id, is_broken, text: text.clone() }
        };
        texts.into_iter().map(arrived).collect()
    }

    /// The correct response to a request. Accepts what can be accepted.
    fn take(&self, arrived: &[Arrived]) -> Answer {
        if arrived.len() > EVENTS_MAX {
            return answer(413, "{}");
        }
        let broken = || arrived.iter().enumerate().filter(|(_, event)| event.is_broken);
        if self.sink == WEBHOOK && broken().next().is_some() {
            return answer(422, "one of them is broken");
        }
        let mut recorder = self.shared.recorder();
        for event in arrived.iter().filter(|event| !event.is_broken) {
            recorder.take((self.sink, event.id));
        }
        let failed: Vec<_> = broken()
            .map(|(index, event)| {
                let id = event.id;
                format!(r#"{{"index":{index},"insert_id":"{id}","field":"event","message":"no"}}"#)
            })
            .collect();
        let imported = arrived.len() - failed.len();
        let body = format!(
            r#"{{"num_records_imported":{imported},"failed_records":[{}]}}"#,
            failed.join(",")
        );
        answer(if failed.is_empty() { 200 } else { 400 }, &body)
    }

    async fn answer(&self, request: Request) -> Result<Answer, Reason> {
        self.shared.gates.pass().await;
        let arrived = self.read(&request.body);
        let request_fault = {
            let mut recorder = self.shared.recorder();
            for event in &arrived {
                recorder.offered((self.sink, event.id), event.text.get());
            }
            recorder.request_fault(self.sink)
        };
        let result = match request_fault {
            RequestFault::Nothing => Ok(self.take(&arrived)),
            RequestFault::Status(status) => Ok(answer(status, "no")),
            RequestFault::RateLimited(after_s) => {
                let retry_after_ms = after_s.map(|seconds| seconds * 1_000);
                Ok(Answer { retry_after_ms, ..answer(429, "slowly") })
            }
            RequestFault::Cut => Err(Reason::new("connection_lost", "cut")),
            RequestFault::TakenThenCut => {
                self.take(&arrived);
                Err(Reason::new("connection_lost", "cut"))
            }
            RequestFault::Silent(is_taken, gives_up) => {
                if is_taken {
                    self.take(&arrived);
                }
                self.shared.silence(gives_up).await;
                Err(Reason::new("timeout", "no answer"))
            }
        };
        self.shared.gates.pass().await;
        result
    }
}

impl Http for Api {
    fn send(&self, request: Request, _: i64) -> Posting<'_> {
        Box::pin(self.answer(request))
    }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, retry_after_ms: None, body: body.as_bytes().to_vec() }
}

fn row(text: &str) -> RowId {
    RowId(Uuid::try_parse(text).unwrap())
}

impl Shared {
    /// Gives no response until the client gives up. Some clients never do.
    async fn silence(&self, gives_up: bool) {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE || !gives_up {
            self.gates.pass().await;
        }
    }
}

/// A receiver of metrics, which does not recognize a repeated one.
pub(crate) struct Metrics(pub(crate) Arc<Shared>);

impl Metrics {
    async fn deliver(&self, rows: &[EventRow]) -> SendReport {
        let Self(shared) = self;
        shared.gates.pass().await;
        let request_fault = {
            let mut recorder = shared.recorder();
            let request_fault = recorder.request_fault(METRICS);
            for row in rows {
                let text = format!("{} {}", row.id, row.time_ms);
                recorder.offered((METRICS, row.id), &text);
                if !matches!(request_fault, RequestFault::Cut | RequestFault::Status(_)) {
                    recorder.take((METRICS, row.id));
                }
            }
            request_fault
        };
        if let RequestFault::Silent(..) = request_fault {
            shared.gates.pass().await;
            pending::<()>().await;
        }
        shared.gates.pass().await;
        let reason = Reason::new("socket", "the socket is gone");
        match request_fault {
            RequestFault::Cut | RequestFault::Status(_) => {
                let result = AttemptResult::Drop(reason.clone());
                SendReport::all(rows.len(), &result, SinkHealth::Busy(reason, None))
            }
            _ => SendReport::all(rows.len(), &AttemptResult::Sent, SinkHealth::Up),
        }
    }
}

impl Sink for Metrics {
    fn check(&self, _: i64) -> Checking<'_> {
        Box::pin(async { CheckResult::Unconfirmed("it answers nothing".into()) })
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits { events_max: 3, bytes_max: 1 << 20, lanes: 1, is_at_most_once: true }
    }

    fn send(&self, events: Arc<Vec<EventRow>>, _: i64) -> Sending<'_> {
        Box::pin(async move { self.deliver(&events).await })
    }
}
