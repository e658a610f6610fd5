//! The webhook sink with a receiver that checks signatures.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode, header};
use lamplight_server::http::listen;
use lamplight_server::http::listen::CloseWithoutAnswer;
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::sinks::rig::{Rig, event, events, now_ms};

const SECRET: &[u8] = b"a secret of more than sixteen bytes";

/// The response of the receiver to each request, by its number.
type Answers = Box<dyn Fn(usize, &[Value]) -> Response + Send + Sync>;

struct Receiver {
    url: String,
    shared: Arc<Shared>,
    _stop: watch::Sender<bool>,
}

struct Shared {
    answers: Answers,
    requests: AtomicUsize,
    taken: Mutex<Vec<String>>,
}

impl Receiver {
    async fn start(answers: impl Fn(usize, &[Value]) -> Response + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared {
            answers: Box::new(answers),
            requests: AtomicUsize::new(0),
            taken: Mutex::default(),
        });
        let router = Router::new().route("/{*path}", any(take)).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?token=hidden", listener.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(listen::serve(listener, router, stopped, Duration::ZERO, Arc::default()));
        Self { url, shared, _stop: stop }
    }

    fn table(&self) -> String {
        let secret = String::from_utf8_lossy(SECRET);
        format!(
            "kind = 'webhook'\nurl = '{}'\nsecret = '{secret}'\nevents_max = 20\n[retry]\nbase_ms = 1\ncap_ms = 20\nattempts_max = 50",
            self.url
        )
    }

    fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// The ids of all accepted events, repeated ones included.
    fn taken(&self) -> Vec<String> {
        let mut taken = self.shared.taken.lock().unwrap().clone();
        taken.sort();
        taken
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers[name].to_str().unwrap();
    let (id, time) = (text("webhook-id"), text("webhook-timestamp"));
    assert!((time.parse::<i64>().unwrap() * 1_000 - now_ms()).abs() < 60_000);
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(format!("{id}.{time}.").as_bytes());
    mac.update(&body);
    let signature = text("webhook-signature").strip_prefix("v1,").unwrap().as_bytes();
    mac.verify_slice(&data_encoding::BASE64.decode(signature).unwrap()).expect("a right signature");
    let body: Value = serde_json::from_slice(&body).unwrap();
    let events = body["events"].as_array().unwrap();
    let number = shared.requests.fetch_add(1, Ordering::SeqCst);
    let response = (shared.answers)(number, events);
    if response.status().is_success() {
        let ids = events.iter().map(|event| event["id"].as_str().unwrap().to_owned());
        shared.taken.lock().unwrap().extend(ids);
    }
    response
}

fn status(status: u16) -> Response {
    StatusCode::from_u16(status).unwrap().into_response()
}

fn cut() -> Response {
    let mut response = status(200);
    response.extensions_mut().insert(CloseWithoutAnswer);
    response
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_batches_arrive_despite_failures() {
    let receiver = Receiver::start(|number, _| match number % 5 {
        0 => status(500),
        1 => status(429),
        2 => status(408),
        _ => status(204),
    })
    .await;
    let mut rig = Rig::new(&[("hook", &receiver.table())]);
    let ids = rig.add(events(130)).await;
    rig.start();
    let sink = rig.settled("hook").await;
    assert_eq!((sink.sent, sink.dead), (130, 0));
    let mut want: Vec<String> = ids.iter().map(ToString::to_string).collect();
    want.sort();
    assert_eq!(receiver.taken(), want, "each was taken once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_is_halved_until_the_refused_event_is_alone() {
    let receiver = Receiver::start(|_, events| {
        let is_bad = |event: &Value| event["properties"]["n"] == 7;
        status(if events.iter().any(is_bad) { 422 } else { 200 })
    })
    .await;
    let mut rig = Rig::new(&[("hook", &receiver.table())]);
    let ids = rig.add(events(20)).await;
    rig.start();
    let sink = rig.settled("hook").await;
    assert_eq!((sink.sent, sink.dead), (19, 1));
    assert_eq!(rig.end(ids[7]).await, ("dead", "refused".into()));
    assert_eq!(receiver.taken().len(), 19);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_and_stops_the_sink() {
    let receiver = Receiver::start(|_, _| {
        (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response()
    })
    .await;
    let mut rig = Rig::new(&[("hook", &receiver.table())]);
    rig.add(events(2)).await;
    rig.start();
    let sink = rig.until("hook", |sink| sink.stopped.is_some()).await;
    assert!(sink.stopped.unwrap().starts_with("redirected: HTTP 307"));
    assert_eq!((receiver.requests(), sink.waiting), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_wait_until_they_are_retried() {
    let receiver = Receiver::start(|number, _| if number < 1 { cut() } else { status(200) }).await;
    let table = receiver.table().replace("attempts_max = 50", "horizon_hours = 0");
    let mut rig = Rig::new(&[("hook", &table)]);
    let ids = rig.add(vec![event("a")]).await;
    rig.start();
    let sink = rig.settled("hook").await;
    assert_eq!((sink.sent, sink.dead), (0, 1));
    let steps = rig.steps(ids[0]).await;
    let states: Vec<_> = steps.iter().map(|step| (step.state.name(), step.attempt)).collect();
    assert_eq!(states, [("queued", 0), ("dead", 1)]);
    let said = steps[1].detail.as_deref().unwrap();
    assert_eq!(steps[1].reason.as_deref(), Some("connection_lost"));
    assert!(!said.contains("hidden") && !said.contains("127.0.0.1"), "{said}");
    assert_eq!(rig.retry_all("hook").await, 1);
    let sink = rig.settled("hook").await;
    assert_eq!((sink.sent, sink.dead), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_of_proxies_are_retried_and_any_2xx_confirms() {
    let receiver = Receiver::start(|number, _| match number {
        0 => status(407),
        1 => status(402),
        2 => status(423),
        _ => ([(header::CONTENT_TYPE, "text/html")], "<html>thanks</html>").into_response(),
    })
    .await;
    let mut rig = Rig::new(&[("hook", &receiver.table())]);
    let ids = rig.add(events(3)).await;
    rig.start();
    let sink = rig.settled("hook").await;
    assert_eq!((sink.sent, sink.dead), (3, 0));
    assert_eq!(rig.steps(ids[0]).await[1].reason.as_deref(), Some("not_available"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_stops_the_sink() {
    let receiver = Receiver::start(|_, _| status(410)).await;
    let mut rig = Rig::new(&[("hook", &receiver.table())]);
    rig.add(events(2)).await;
    rig.start();
    let sink = rig.until("hook", |sink| sink.stopped.is_some()).await;
    assert!(sink.stopped.unwrap().starts_with("not_there: HTTP 410"));
    assert_eq!((receiver.requests(), sink.waiting, sink.dead), (1, 2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_repeats_the_address_or_the_secret_shows_neither() {
    for status in
        [StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST, StatusCode::INTERNAL_SERVER_ERROR]
    {
        let receiver = Receiver::start(move |_, _| {
            let secret = String::from_utf8_lossy(SECRET);
            let body = format!("Cannot POST /hook/T0CANARY9?token=V0CANARY9 {secret}");
            (status, body).into_response()
        })
        .await;
        let table =
            receiver.table().replace("/hook?token=hidden", "/hook/T0CANARY9?token=V0CANARY9");
        let mut rig = Rig::new(&[("hook", &table)]);
        let ids = rig.add(events(1)).await;
        rig.start();
        rig.until("hook", |sink| sink.dead > 0 || sink.rests.is_some()).await;
        let steps = format!("{:?} {:?}", rig.steps(ids[0]).await, rig.sink("hook").await);
        assert!(steps.contains("Cannot POST /hook/(hidden)?token=(hidden) (hidden)"), "{steps}");
        assert!(!steps.contains("CANARY"), "{steps}");
    }
}
