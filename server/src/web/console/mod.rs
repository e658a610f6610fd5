//! The console: pages that show what happened to every event, rendered on the server.
//!
//! Each page is a file with its handler, and a template of the same name beside it. A handler reads
//! what the API's handler of the same subject reads, so that a page and its JSON twin never differ.
//! Every page works without JavaScript; the script adds what is live, local times and the keyboard.
//! Only someone who is [signed in](signing_in) sees them.
#![allow(clippy::missing_errors_doc, reason = "the error of a handler is its answer, a page")]

mod assets;
mod caller;
mod chart;
mod error_page;
mod form;
mod frame;
mod link;
mod login;
mod overview;
mod page;
mod producers;
mod queues;
mod routes;
mod shown;
mod signing_in;

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
}
