//! The console: pages that show what happened to every event, rendered on the server.
//!
//! Each page is a file with its handler, and a template of the same name beside it. A handler reads
//! what the API's handler of the same subject reads, so that a page and its JSON twin never differ.
//! Every page works without JavaScript; the script adds what is live, local times and the keyboard.
//! Only someone who is signed in sees them.
#![allow(clippy::missing_errors_doc, reason = "the error of a handler is its answer, a page")]
// Templates call methods, and pass references whatever the argument is.
#![allow(clippy::unused_self, clippy::trivially_copy_pass_by_ref, clippy::ref_option)]
// The frame of a page is an option, because the sign-in has none.
#![allow(clippy::unnecessary_wraps)]

mod alerts;
mod assets;
mod caller;
mod chart;
mod error_page;
mod errors;
mod event;
mod events;
mod filter_form;
mod filter_query;
mod first_event;
mod form;
mod frame;
mod link;
mod live;
mod login;
mod overview;
mod page;
mod producers;
mod query;
mod queues;
mod routes;
mod server_url;
mod shown;
mod signing_in;
mod snippets;
mod sources;
mod trends;
mod welcome;
mod words;

use std::sync::Arc;

use axum::Router;
use http::Method;

use crate::app::App;
use routes::ConsoleRoutes;

pub use login::link as login_link;

/// The pages of the console. `home` is the page that `/` leads to.
pub fn routes(app: &Arc<App>, home: &'static str) -> Router<Arc<App>> {
    pages().into_router(app, home)
}

/// Every path that needs a session, with its method, and those that need none.
pub fn paths() -> (Vec<(Method, &'static str)>, [&'static str; 4]) {
    (pages().list().to_vec(), routes::OPEN)
}

/// Every page behind the sign-in. The second path is that of its JSON twin.
fn pages() -> ConsoleRoutes {
    ConsoleRoutes::default()
        .page("/overview", "/api/totals", overview::show)
        .page("/events", "/api/events", events::list)
        .page("/events/counts", "/api/aggregate", events::counts)
        .page("/events/replays", "/api/replay", events::replays)
        .part("/events/replay", events::replay)
        .action("/events/replay", events::begin_replay)
        .action("/events/views", events::save_view)
        .action("/events/views/delete", events::delete_view)
        .page("/live", "/api/live", live::show)
        .part("/live/stream", live::stream)
        .part("/query", query::show)
        .action("/query", query::run)
        .action("/query/csv", query::csv)
        .page("/trends", "/api/trends", trends::show)
        .page("/alerts", "/api/alerts", alerts::show)
        .page("/events/{id}", "/api/events/{id}", event::show)
        .part("/events/{id}/raw", event::download)
        .part("/payloads/{id}", event::of_payload)
        .action("/events/{id}/replay", event::replay)
        .action("/events/{id}/retry", event::retry_delivery)
        .action("/events/{id}/retry-payload", event::retry_payload)
        .page("/errors", "/api/errors", errors::show)
        .part("/errors/group", errors::group)
        .part("/errors/confirm", errors::confirm)
        .action("/errors/deliveries/{verb}", errors::deliveries)
        .action("/errors/payloads/{verb}", errors::payloads)
        .page("/producers", "/api/producers", producers::list)
        .page("/producers/{id}", "/api/producers?producer={id}", producers::one)
        .part("/producers/forget", producers::ask_to_forget)
        .action("/producers/forget", producers::forget)
        .page("/queues", "/api/queues", queues::show)
        .action("/queues/pause", queues::pause)
        .action("/queues/resume", queues::resume)
        .action("/queues/check", queues::check)
        .part("/queues/backfill", queues::count_backfill)
        .action("/queues/backfill", queues::begin_backfill)
        .part("/first-event", first_event::show)
        .page("/sources", "/api/keys", sources::list::show)
        .page("/sources/source", "/api/catalogue", sources::one::show)
        .page("/sources/name", "/api/catalogue/properties", sources::name::show)
        .action("/sources/keys", sources::keys::create)
        .action("/sources/keys/change", sources::keys::change)
}
