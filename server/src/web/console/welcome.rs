//! What the overview shows before any event has arrived: how to send the first one.

use askama::Template;

use super::first_event::FirstEvent;
use super::frame::Frame;
use super::page::Page;
use super::shown::Markup;
use super::snippets;
use crate::api::KeyJson;
use crate::app::App;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "welcome.html")]
struct Welcome {
    frame: Option<Frame>,
    first: Markup,
    snippets: Option<Markup>,
}

/// The page, with the examples for the server at `url`.
pub(super) async fn show(
    app: &App,
    frame: Option<Frame>,
    url: &str,
    keys: &[KeyJson],
) -> Result<Page, Problem> {
    let first = FirstEvent::read(app, None).await?.markup()?;
    let snippets = snippets::render(url, keys)?;
    Page::render(&Welcome { frame, first, snippets })
}
