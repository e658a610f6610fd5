//! Every route of the server.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::StatusCode;
use serde_json::Value;

use crate::api::{self, ApiRoutes, partial};
use crate::app::App;
use crate::http::problem::Problem;
use crate::http::refusals;
use crate::http::{answers, api_origins, body, cors, headers, request_form};
use crate::intake::{self, IntakeState};
use crate::openapi::{self, DescribedRoutes, Group, Operation, Shape};
use crate::web::demo::{self, Demo};
use crate::web::{console, reference, script};

/// The routes of `lamplight serve`, and with `demo` those of `lamplight demo`.
pub fn router(app: &Arc<App>, demo: Option<&Arc<Demo>>) -> Router {
    let router = Router::new()
        .merge(intake_router(&app.intake, demo))
        .merge(api_router(app))
        .merge(public_routes().into_router())
        .merge(console::routes(app, if demo.is_some() { "/demo/" } else { "/overview" }))
        .with_state(Arc::clone(app));
    let router = match demo {
        Some(demo) => router.merge(demo_routes(demo)).layer(from_fn(demo::require_loopback_host)),
        None => router,
    };
    router
        .fallback(not_found)
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this address does not accept this method: use one that the Allow header lists",
            )
        })
        .layer(from_fn_with_state(Arc::clone(app), surround))
}

/// The API, whose answers say what they lack.
fn api_router(app: &Arc<App>) -> Router<Arc<App>> {
    let routes = api_routes().into_router().layer(from_fn(partial::mark));
    routes.layer(from_fn_with_state(Arc::clone(app), api::hold))
}

/// What every request passes on its way to its route, from the last line to the first, and every
/// answer on its way back.
///
/// This is one layer, because each layer of axum copies all those inside of it for every request.
async fn surround(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let next = |request| next.run(request);
    let next = |request| request_form::require_clear(request, next);
    let next = |request| refusals::record(&app.refusals, request, next);
    let next = |request| headers::add(&*app.entropy, request, next);
    let next = |request| api_origins::allow(&app.api_origins, request, next);
    let next = |request| body::hold(request, next);
    answers::count(&app.answers, request, next).await
}

/// The OpenAPI document of the routes of `lamplight serve`.
pub fn openapi() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let api = api_routes();
        let mut routes = intake_routes().list().to_vec();
        routes.extend(api.list().iter().map(|route| route.described.clone()));
        routes.extend_from_slice(public_routes().list());
        openapi::document(&routes)
    })
}

/// The answer at every other address. A preflight request succeeds there, because only then can a
/// page read that it sends to a misspelled address.
async fn not_found(request: Request) -> Response {
    if cors::is_preflight(&request) {
        return cors::preflight(request.headers().clone()).await;
    }
    Problem::not_found("nothing is at this address: see / for the addresses of this server")
        .into_response()
}

/// Events from clients, also where the path ends in a slash.
fn intake_router(state: &Arc<IntakeState>, demo: Option<&Arc<Demo>>) -> Router<Arc<App>> {
    let mut routes = intake_routes()
        .into_router()
        .route("/v1/events/", post(intake::events).options(cors::preflight))
        .route("/v1/logs/", post(intake::logs).options(cors::preflight));
    if let Some(demo) = demo {
        routes = routes.route_layer(from_fn_with_state(Arc::clone(demo), demo::apply_fault));
    }
    routes.with_state(Arc::clone(state))
}

/// Events from clients. Each handler checks the key.
fn intake_routes() -> DescribedRoutes<Arc<IntakeState>> {
    let preflight = intake::describe_preflight;
    DescribedRoutes::default()
        .post("/v1/events", &intake::EVENTS, intake::describe_events, intake::events)
        .options("/v1/events", &intake::PREFLIGHT_EVENTS, preflight, cors::preflight)
        .post("/v1/logs", &intake::LOGS, intake::describe_logs, intake::logs)
        .options("/v1/logs", &intake::PREFLIGHT_LOGS, preflight, cors::preflight)
}

/// The API. Each handler checks the token, which [`ApiRoutes`] requires.
pub fn api_routes() -> ApiRoutes {
    ApiRoutes::default()
        .get("/api/totals", &api::TOTALS, api::totals)
        .get("/api/events", &api::EVENTS, api::events)
        .get("/api/events/{id}", &api::EVENT, api::event)
        .get("/api/producers", &api::PRODUCERS, api::producers)
        .get("/api/producers/proof", &api::PROOF, api::proof)
        .get("/api/aggregate", &api::AGGREGATE, api::aggregate)
        .get("/api/queues", &api::QUEUES, api::queues)
        .get("/api/live", &api::LIVE, api::live)
        .post("/api/query", &api::QUERY, api::query)
        .post("/api/sinks/{name}/pause", &api::PAUSE, api::pause)
        .post("/api/sinks/{name}/resume", &api::RESUME, api::resume)
        .post("/api/sinks/{name}/check", &api::CHECK, api::check)
        .post("/api/sinks/{name}/backfill", &api::BACKFILL, api::backfill)
        .post("/api/deliveries/retry", &api::RETRY, api::retry)
        .get("/api/deliveries/dead", &api::DEAD_LETTERS, api::dead_letters)
        .post("/api/deliveries/discard", &api::DISCARD, api::discard)
        .post("/api/deliveries/restore", &api::RESTORE, api::restore)
        .get("/api/payloads/set-aside", &api::SET_ASIDE, api::set_aside)
        .post("/api/payloads/{id}/retry", &api::RETRY_PAYLOAD, api::retry_payload)
        .post("/api/payloads/{id}/discard", &api::DISCARD_PAYLOAD, api::discard_payload)
        .post("/api/payloads/{id}/restore", &api::RESTORE_PAYLOAD, api::restore_payload)
        .post("/api/retention/trust-clock", &api::TRUST_CLOCK, api::trust_clock)
        .post("/api/sources/{name}/forget", &api::FORGET_SOURCE, api::forget_source)
        .get("/api/keys", &api::KEYS, api::keys)
        .post("/api/keys", &api::CREATE_KEY, api::create_key)
        .patch("/api/keys/{id}", &api::CHANGE_KEY, api::change_key)
        .get("/api/replay", &api::REPLAYS, api::replays)
        .post("/api/replay", &api::BEGIN_REPLAY, api::begin_replay)
        .get("/api/export", &api::EXPORT, api::export)
        .get("/api/views", &api::VIEWS, api::views)
        .post("/api/views", &api::SAVE_VIEW, api::save_view)
        .post("/api/views/delete", &api::DELETE_VIEW, api::delete_view)
        .get("/api/trends", &api::TRENDS, api::trends)
        .get("/api/catalogue", &api::CATALOGUE, api::catalogue)
        .get("/api/catalogue/properties", &api::PROPERTIES, api::properties)
        .get("/api/traffic", &api::TRAFFIC, api::traffic)
        .get("/api/errors", &api::ERRORS, api::errors)
        .get("/api/alerts", &api::ALERTS, api::alerts)
        .get("/metrics", &api::METRICS, api::metrics)
}

/// Health checks, the SDK as a script, and the description of the API: all without a token.
fn public_routes() -> DescribedRoutes<Arc<App>> {
    let html = |shape: &mut Shape<'_>| shape.answer_text("text/html", "The page");
    let style = |shape: &mut Shape<'_>| shape.answer_text("text/css", "The style sheet");
    let text = |shape: &mut Shape<'_>| shape.answer_text("text/plain", "Yes");
    let json = |shape: &mut Shape<'_>| shape.answer::<Value>(StatusCode::OK, "The document");
    DescribedRoutes::default()
        .get("/healthz", &HEALTHZ, text, async || "ok")
        .get("/readyz", &api::READY, text, api::ready)
        .get("/openapi.json", &reference::DOCUMENT, json, async || reference::document(openapi()))
        .get("/api/docs", &reference::PAGE, html, async || reference::page(openapi()))
        .get("/api/docs/style.css", &reference::STYLE, style, reference::style)
        .get("/lamplight.js", &script::SCRIPT, script::describe, script::script)
        .get("/lamplight-full.js", &script::FULL_CLIENT, script::describe, script::full)
        .get(
            "/lamplight-translated.js",
            &script::TRANSLATED_CLIENT,
            script::describe,
            script::translated,
        )
        .get("/lamplight-debug.js", &script::WARNINGS, script::describe, script::debug)
}

const HEALTHZ: Operation =
    Operation::new(Group::Health, "isAlive", "Whether the process answers requests");

/// The demo page and its faults.
fn demo_routes(demo: &Arc<Demo>) -> Router {
    Router::new()
        .route("/demo", get(async || Redirect::temporary("/demo/")))
        .route("/demo/", get(demo::index))
        .route("/demo/{*path}", get(demo::file))
        .route("/demo/config.json", get(demo::config))
        .route("/demo/faults", get(demo::fault).post(demo::set_fault))
        .with_state(Arc::clone(demo))
}
