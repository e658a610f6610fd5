//! A fake of Mixpanel's ingestion API as documented:
//! <https://developer.mixpanel.com/reference/import-events>.

use std::collections::HashMap;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use flate2::read::GzDecoder;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use lamplight_server::http::listen;
use lamplight_server::http::listen::CloseWithoutAnswer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The fault of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// 429, with or without `Retry-After`.
    RateLimited(Option<u32>),
    /// This status, and nothing is accepted.
    Status(u16),
    /// Everything is accepted, and the connection is closed without a response.
    TakenThenCut,
    /// Everything is accepted, and the response comes after this many milliseconds.
    TakenThenLate(u64),
    /// The connection is closed before anything is accepted.
    Cut,
    /// The body is read slowly.
    SlowRead,
    /// 200 with a page of HTML, and nothing is accepted, as behind a captive portal.
    Page,
    /// 404 or another status with a page of HTML, as from a proxy.
    PageWith(u16),
    /// 200 that says that only this many events were imported.
    Imports(usize),
}

/// The identity by which a repeated event is recognized.
type Identity = (String, i64, String, String);

/// What the API has stored.
#[derive(Default)]
pub(crate) struct Held {
    /// How often each event arrived.
    pub(crate) events: HashMap<Identity, u32>,
    /// The full text of each.
    pub(crate) bodies: HashMap<Identity, Value>,
    /// Profile updates, in order.
    pub(crate) profiles: Vec<Value>,
    /// How many events each request to `/import` had.
    pub(crate) sizes: Vec<usize>,
}

type Faults = Box<dyn Fn(u64) -> Fault + Send + Sync>;

/// A running fake.
pub(crate) struct MixpanelApi {
    pub(crate) url: String,
    shared: Arc<Shared>,
    _stop: watch::Sender<bool>,
}

struct Shared {
    held: Mutex<Held>,
    requests: AtomicU64,
    faults: Faults,
    poison: Mutex<Option<String>>,
    bytes_max: usize,
    events_max: usize,
}

impl MixpanelApi {
    /// Starts a fake with faults by the number of the request, from 0.
    pub(crate) async fn start(faults: impl Fn(u64) -> Fault + Send + Sync + 'static) -> Self {
        Self::with_limits(faults, 2_000_000, 2_000).await
    }

    pub(crate) async fn with_limits(
        faults: impl Fn(u64) -> Fault + Send + Sync + 'static,
        bytes_max: usize,
        events_max: usize,
    ) -> Self {
        let shared = Arc::new(Shared {
            held: Mutex::default(),
            requests: AtomicU64::new(0),
            faults: Box::new(faults),
            poison: Mutex::default(),
            bytes_max,
            events_max,
        });
        let router = Router::new()
            .route("/import", post(import))
            .route("/engage", post(engage))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(listen::serve(listener, router, stopped, Duration::ZERO, Arc::default()));
        Self { url, shared, _stop: stop }
    }

    /// The configuration of a sink that sends here.
    pub(crate) fn table(&self, rest: &str) -> String {
        format!(
            "kind = 'mixpanel'\ntoken = 'right token'\nurl = '{}'\n{rest}\n[retry]\nbase_ms = 1\ncap_ms = 20\nattempts_max = 100000",
            self.url
        )
    }

    /// Responds with 500 to requests that contain this text from now on.
    pub(crate) fn set_poison(&self, text: &str) {
        *self.shared.poison.lock().unwrap() = Some(text.to_owned());
    }

    pub(crate) fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn with<T>(&self, read: impl FnOnce(&Held) -> T) -> T {
        read(&self.shared.held.lock().unwrap())
    }

    /// How many different events it has stored.
    pub(crate) fn distinct(&self) -> usize {
        self.with(|held| held.events.len())
    }
}

fn is_allowed(headers: &HeaderMap, query: &str) -> bool {
    let basic = |pair: &str| format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes()));
    let given = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap());
    let with_account =
        given == Some(&basic("robot:robot secret")) && query.contains("project_id=42");
    given == Some(&basic("right token:")) || with_account
}

fn answer(status: u16, value: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn page(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, "text/html")], "<html>Please log in</html>").into_response()
}

fn cut() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(CloseWithoutAnswer);
    response
}

/// Checks everything of a request except its events.
async fn read(shared: &Shared, request: Request, fault: Fault) -> Result<Vec<Value>, Response> {
    let (parts, mut body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let mut packed = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(cut()) };
        packed.extend(frame.into_data().unwrap_or_default());
        if fault == Fault::SlowRead {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
    match fault {
        Fault::Cut => return Err(cut()),
        Fault::Page => return Err(page(200)),
        Fault::PageWith(status) => return Err(page(status)),
        Fault::Imports(count) => {
            let text = json!({"code": 200, "num_records_imported": count, "status": "OK"});
            return Err(answer(200, &text));
        }
        Fault::Status(status) => {
            return Err(answer(status, &json!({"code": status, "error": "no", "status": "No"})));
        }
        Fault::RateLimited(after_s) => {
            let error =
                "Project exceeded rate limits. Please retry the request with exponential backoff.";
            let text = json!({"code": 429, "error": error, "status": "Too Many Requests"});
            let mut response = answer(429, &text);
            if let Some(seconds) = after_s {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            return Err(response);
        }
        Fault::None | Fault::TakenThenCut | Fault::TakenThenLate(_) | Fault::SlowRead => {}
    }
    if !is_allowed(&parts.headers, query) {
        let error = "Unauthorized, invalid credentials";
        return Err(answer(401, &json!({"code": 401, "error": error, "status": "Unauthorized"})));
    }
    assert_eq!(parts.headers[header::CONTENT_TYPE], "application/json");
    let mut text = String::new();
    if parts.uri.path() == "/engage" {
        // As documented, it does not decompress requests.
        assert!(!parts.headers.contains_key(header::CONTENT_ENCODING));
        text = String::from_utf8(packed).unwrap();
    } else {
        assert_eq!(parts.headers[header::CONTENT_ENCODING], "gzip");
        GzDecoder::new(&*packed).read_to_string(&mut text).unwrap();
    }
    let events: Vec<Value> = serde_json::from_str(&text).unwrap();
    if shared.poison.lock().unwrap().as_ref().is_some_and(|poison| text.contains(poison)) {
        return Err(answer(500, &json!({"error": "internal"})));
    }
    if text.len() > shared.bytes_max || events.len() > shared.events_max {
        let error = "request exceeds the limits";
        return Err(answer(413, &json!({"code": 413, "error": error, "status": "Too Large"})));
    }
    Ok(events)
}

async fn import(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let fault = next_fault(&shared);
    assert!(request.uri().query().unwrap().starts_with("strict=1"));
    let events = match read(&shared, request, fault).await {
        Ok(events) => events,
        Err(response) => return response,
    };
    let mut failed = Vec::new();
    {
        let mut held = shared.held.lock().unwrap();
        held.sizes.push(events.len());
        for (index, event) in events.iter().enumerate() {
            match validate(event) {
                Ok(identity) => {
                    *held.events.entry(identity.clone()).or_default() += 1;
                    let before = held.bodies.insert(identity, event.clone());
                    assert!(before.is_none_or(|before| before == *event), "a retry differs");
                }
                Err((field, message)) => failed.push(json!({
                    "index": index,
                    "insert_id": event["properties"]["$insert_id"],
                    "field": field,
                    "message": message,
                })),
            }
        }
    }
    match fault {
        Fault::TakenThenCut => return cut(),
        Fault::TakenThenLate(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        _ => {}
    }
    let imported = events.len() - failed.len();
    if failed.is_empty() {
        return answer(
            200,
            &json!({"code": 200, "num_records_imported": imported, "status": "OK"}),
        );
    }
    answer(
        400,
        &json!({
            "code": 400,
            "error": "some data points in the request failed validation",
            "failed_records": failed,
            "num_records_imported": imported,
            "status": "Bad Request",
        }),
    )
}

async fn engage(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let fault = next_fault(&shared);
    let updates = match read(&shared, request, fault).await {
        Ok(updates) => updates,
        Err(response) => return response,
    };
    for update in &updates {
        let operations = ["$set", "$unset"].into_iter().filter(|it| update.get(it).is_some());
        assert_eq!(operations.count(), 1, "one operation for each update: {update}");
    }
    if updates.iter().any(|update| update["$set"].get("refuse me").is_some()) {
        return answer(400, &json!({"error": "invalid data", "status": 0}));
    }
    shared.held.lock().unwrap().profiles.extend(updates);
    answer(200, &json!({"error": null, "status": 1}))
}

fn next_fault(shared: &Shared) -> Fault {
    let number = shared.requests.fetch_add(1, Ordering::SeqCst);
    (shared.faults)(number)
}

/// The validation rules of `strict=1`.
fn validate(event: &Value) -> Result<Identity, (&'static str, &'static str)> {
    const PLACEHOLDERS: [&str; 6] = ["anon", "anonymous", "nil", "none", "null", "n/a"];
    let properties = &event["properties"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let name = text(&event["event"]).filter(|name| !name.is_empty()).ok_or(("event", "missing"))?;
    let time = properties["time"].as_i64().ok_or(("properties.time", "must be a number"))?;
    if time < 31_536_000_000 {
        return Err(("properties.time", "is before 1971"));
    }
    let user = text(&properties["distinct_id"]).ok_or(("properties.distinct_id", "missing"))?;
    if PLACEHOLDERS.contains(&user.as_str()) {
        return Err(("properties.distinct_id", "is a placeholder"));
    }
    let id = text(&properties["$insert_id"]).ok_or(("properties.$insert_id", "missing"))?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if id.is_empty() || id.len() > 36 || !id.bytes().all(is_plain) {
        return Err(("properties.$insert_id", "is malformed"));
    }
    Ok((name, time, user, id))
}
