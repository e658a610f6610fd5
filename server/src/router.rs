//! Every route of the server.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::StatusCode;

use crate::api::{self, ApiRoutes};
use crate::app::App;
use crate::http::problem::Problem;
use crate::http::refusals;
use crate::http::{answers, api_origins, body, cors, headers, request_form};
use crate::intake::{self, IntakeState};
use crate::web::demo::{self, Demo};
use crate::web::{landing, script};

/// The routes of `lamplight serve`, and with `demo` those of `lamplight demo`.
pub fn router(app: &Arc<App>, demo: Option<&Arc<Demo>>) -> Router {
    let router = Router::new()
        .merge(intake_routes(&app.intake, demo))
        .merge(api_routes().into_router().layer(from_fn_with_state(Arc::clone(app), api::hold)))
        .merge(health_routes())
        .merge(script_routes())
        .with_state(Arc::clone(app));
    let router = match demo {
        Some(demo) => router.merge(demo_routes(demo)).layer(from_fn(demo::require_loopback_host)),
        None => router.route("/", get(landing::page)),
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
        .layer(from_fn(request_form::require_clear))
        .layer(from_fn_with_state(Arc::clone(&app.refusals), refusals::record))
        .layer(from_fn_with_state(Arc::clone(&app.entropy), headers::add))
        .layer(from_fn_with_state(Arc::clone(&app.api_origins), api_origins::allow))
        .layer(from_fn(body::hold))
        .layer(from_fn_with_state(Arc::clone(&app.answers), answers::count))
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

/// Events from clients. Each handler checks the key.
fn intake_routes(state: &Arc<IntakeState>, demo: Option<&Arc<Demo>>) -> Router<Arc<App>> {
    let mut routes = Router::new()
        .route("/v1/events", post(intake::events).options(cors::preflight))
        .route("/v1/events/", post(intake::events).options(cors::preflight))
        .route("/v1/logs", post(intake::logs).options(cors::preflight))
        .route("/v1/logs/", post(intake::logs).options(cors::preflight));
    if let Some(demo) = demo {
        routes = routes.route_layer(from_fn_with_state(Arc::clone(demo), demo::apply_fault));
    }
    routes.with_state(Arc::clone(state))
}

/// The API. Each handler checks the token, which [`ApiRoutes`] requires.
pub fn api_routes() -> ApiRoutes {
    ApiRoutes::default()
        .get("/api/totals", api::totals)
        .get("/api/events", api::events)
        .get("/api/events/{id}", api::event)
        .get("/api/producers", api::producers)
        .get("/api/aggregate", api::aggregate)
        .get("/api/queues", api::queues)
        .get("/api/live", api::live)
        .post("/api/query", api::query)
        .post("/api/sinks/{name}/pause", api::pause)
        .post("/api/sinks/{name}/resume", api::resume)
        .post("/api/sinks/{name}/backfill", api::backfill)
        .post("/api/deliveries/retry", api::retry)
        .get("/api/payloads/set-aside", api::set_aside)
        .post("/api/payloads/{id}/retry", api::retry_payload)
        .post("/api/retention/trust-clock", api::trust_clock)
        .post("/api/sources/{name}/forget", api::forget_source)
        .get("/api/keys", api::keys)
        .post("/api/keys", api::create_key)
        .patch("/api/keys/{id}", api::change_key)
        .get("/api/replay", api::replays)
        .post("/api/replay", api::begin_replay)
        .get("/api/trends", api::trends)
        .get("/api/alerts", api::alerts)
        .get("/metrics", api::metrics)
}

/// Health checks, without a token.
fn health_routes() -> Router<Arc<App>> {
    Router::new().route("/healthz", get(async || "ok")).route("/readyz", get(api::ready))
}

/// The SDK as a script for pages without a bundler.
fn script_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/lamplight.js", get(script::script))
        .route("/lamplight-full.js", get(script::full))
        .route("/lamplight-translated.js", get(script::translated))
        .route("/lamplight-debug.js", get(script::debug))
}

/// The demo page and its faults.
fn demo_routes(demo: &Arc<Demo>) -> Router {
    Router::new()
        .route("/", get(async || Redirect::temporary("/demo/")))
        .route("/demo", get(async || Redirect::temporary("/demo/")))
        .route("/demo/", get(demo::index))
        .route("/demo/{*path}", get(demo::file))
        .route("/demo/config.json", get(demo::config))
        .route("/demo/faults", get(demo::fault).post(demo::set_fault))
        .with_state(Arc::clone(demo))
}
