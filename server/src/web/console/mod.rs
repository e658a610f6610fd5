//! The console: pages that show what happened to every event, rendered on the server.
//!
//! Each page is a file with its handler, and a template of the same name beside it. A handler reads
//! what the API's handler of the same subject reads, so that a page and its JSON twin never differ.
//! Every page works without JavaScript; the script adds what is live, local times and the keyboard.
//! Only someone who is [signed in](signing_in) sees them.
#![allow(clippy::missing_errors_doc, reason = "the error of a handler is its answer, a page")]

mod alerts;
mod assets;
mod caller;
mod chart;
mod error_page;
mod first_event;
mod form;
mod frame;
mod login;
mod overview;
mod page;
mod query;
mod routes;
mod server_url;
mod shown;
mod signing_in;
mod snippets;
mod sources;
mod trends;
mod welcome;
mod words;

use axum::Router;
use std::sync::Arc;

use crate::app::App;
use routes::ConsoleRoutes;

pub use login::link as login_link;

/// The pages of the console. `home` is the page that `/` leads to.
pub fn routes(app: &Arc<App>, home: &'static str) -> Router<Arc<App>> {
    pages().into_router(app, home)
}

/// Every page behind the sign-in. The second path is that of its JSON twin.
fn pages() -> ConsoleRoutes {
    ConsoleRoutes::default()
        .page("/overview", "/api/totals", overview::show)
        .page("/query", "/api/query", query::show)
        .action("/query", query::run)
        .action("/query/csv", query::csv)
        .page("/trends", "/api/trends", trends::show)
        .page("/alerts", "/api/alerts", alerts::show)
        .part("/first-event", first_event::show)
        .page("/sources", "/api/keys", sources::list::show)
        .page("/sources/source", "/api/catalogue", sources::one::show)
        .page("/sources/name", "/api/catalogue/properties", sources::name::show)
        .action("/sources/keys", sources::keys::create)
        .action("/sources/keys/change", sources::keys::change)
}
