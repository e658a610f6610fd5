//! Signing in, with a one-time link or a token, and signing out.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};

use super::form::Form;
use super::frame::Frame;
use super::page::Page;
use super::server_url;
use super::signing_in;
use crate::api::{check_kind, cross_origin};
use crate::app::App;
use crate::http::body::{BodyLimits, Credentials};
use crate::http::problem::Problem;
use crate::http::{credentials, same_origin, session_cookie};
use crate::keys::sessions::SessionBook;
use crate::store::keys::hash;
use crate::store::{Key, KeyKind};
use crate::system::entropy::EntropyError;

/// What the sign-in accepts.
const LIMITS: BodyLimits = BodyLimits { bytes_max: 4 * 1024, advice: "send a token only" };

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: Option<Frame>,
    /// The code of a one-time link.
    code: Option<&'a str>,
    /// Where to go afterwards.
    next: &'a str,
    /// Why the last try failed.
    error: Option<String>,
}

/// A link that signs in once, as the oldest admin token that can be used. None if there is none.
///
/// # Errors
/// When there is no randomness.
pub fn link(app: &App, url: &str) -> Result<Option<String>, EntropyError> {
    let keys = app.keyring.all();
    let valid = keys.iter().filter(|key| key.kind == KeyKind::Admin && key.disabled_ms.is_none());
    let Some(Key { id, .. }) = valid.min_by_key(|key| (key.made_ms, key.id.as_str())) else {
        return Ok(None);
    };
    let code = app.sessions.make_link(id, app.clock.now_ms(), &*app.entropy)?;
    Ok(Some(format!("{url}/login?code={code}")))
}

/// `GET /login`. A link is used up only by the button, because programs that preview links open
/// them, too.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Form::read(query.unwrap_or_default().as_bytes());
    let next = query.text("next").filter(|next| is_local(next)).unwrap_or("/overview");
    if signing_in::find(&app, &headers).await.is_some() {
        return Ok(Redirect::to(next).into_response());
    }
    let page = LoginPage { frame: None, code: query.text("code"), next, error: None };
    Ok(Page::render(&page)?.into_response())
}

/// `POST /login`.
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    if !same_origin::is_from_here(&head.headers) {
        return Err(cross_origin());
    }
    let body = app.bodies.receive(&head, &Nobody, &LIMITS).await?;
    let form = Form::read(&body.bytes);
    let next = form.text("next").filter(|next| is_local(next)).unwrap_or("/overview");
    match token_of(&app, &form) {
        Ok(key_id) => {
            let now_ms = app.clock.now_ms();
            let (session, secret) = SessionBook::make(&key_id, now_ms, &*app.entropy)
                .map_err(|error| Problem::internal(&error))?;
            app.storage.sessions.add(session.clone()).await?;
            app.sessions.enter(session);
            let cookie = session_cookie::set(
                &head.headers,
                &secret,
                server_url::is_tls(&app, &head.headers),
            );
            Ok(([(SET_COOKIE, cookie)], Redirect::to(next)).into_response())
        }
        Err(error) => {
            let page = LoginPage { frame: None, code: None, next, error: Some(error) };
            Ok((StatusCode::FORBIDDEN, Page::render(&page)?).into_response())
        }
    }
}

/// `POST /logout`.
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !same_origin::is_from_here(&headers) {
        return Err(cross_origin());
    }
    if let Some(secret) = session_cookie::read(&headers) {
        let hash = hash(secret);
        let removed = app.storage.sessions.remove(hash).await;
        // Last, so that nothing that was read before brings it back.
        app.sessions.end(&hash);
        removed?;
    }
    Ok(([(SET_COOKIE, session_cookie::remove(&headers))], Redirect::to("/login")).into_response())
}

/// The id of the token that a form signs in with, or why it does not.
fn token_of(app: &App, form: &Form) -> Result<String, String> {
    if let Some(code) = form.text("code") {
        return app.sessions.use_link(code, app.clock.now_ms()).ok_or_else(|| {
            "This link was used already, is more than an hour old, or was made by another server. \
             Restart the server for a new one, or sign in with a token."
                .to_owned()
        });
    }
    let Some(token) = form.text("token") else { return Err("Enter a token.".to_owned()) };
    let Some(held) = app.keyring.find(token) else {
        return Err(format!(
            "The token {} is not one of this server. Look for a typing error; it begins with at_ or \
             vt_.",
            credentials::redacted(token)
        ));
    };
    check_kind(&held).map_err(|problem| format!("This does not work: {}.", problem.detail))?;
    Ok(held.key.id.clone())
}

/// Whether an address is one of this server, so that nobody is sent elsewhere after signing in.
fn is_local(address: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    address.starts_with('/') && !address.starts_with("//") && address.bytes().all(is_plain)
}

/// Someone who is not signed in yet.
struct Nobody;

impl Credentials for Nobody {
    fn key_id(&self) -> &'static str {
        "sign-in"
    }

    fn is_of_backend(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site_after_signing_in() {
        assert!(is_local("/") && is_local("/events?name=a%20b"));
        for address in
            ["", "events", "//evil.example", "/\\evil.example", "https://evil.example", "/a\nb"]
        {
            assert!(!is_local(address), "{address:?}");
        }
    }
}
