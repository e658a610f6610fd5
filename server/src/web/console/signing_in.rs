//! Who may see the console: someone with a session.
//!
//! A session acts for a token, and ends with it. Its secret is in a cookie that scripts cannot read
//! and that requests of other sites do not carry. What changes something must come from a page of
//! this origin.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::error_page;
use super::page::compress;
use crate::api::{check_kind, cross_origin};
use crate::app::App;
use crate::http::problem::Problem;
use crate::http::request_id::RequestId;
use crate::http::{same_origin, session_cookie};
use crate::keys::keyring::HeldKey;

/// Files of this server only, and nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Who makes a request, in its extensions.
#[derive(Debug, Clone)]
pub(super) struct SignedIn {
    /// The token that the session acts for.
    pub(super) held: Arc<HeldKey>,
}

/// The token that a request is signed in with, if it can still be used.
pub(super) async fn find(app: &App, headers: &HeaderMap) -> Option<SignedIn> {
    let secret = session_cookie::read(headers)?;
    let session = app.shared_sessions.find(secret, app.clock.now_ms()).await?;
    let held = app.keyring.find_id(&session.key_id)?;
    check_kind(&held).is_ok().then_some(SignedIn { held })
}

/// Lets only those who are signed in through. A page that is opened without a session leads to the
/// sign-in, and from there back.
pub(super) async fn require(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(signed_in) = find(&app, request.headers()).await else {
        return sign_in_first(&request);
    };
    if !same_origin::is_safe(request.method()) && !same_origin::is_from_here(request.headers()) {
        return cross_origin().into_response();
    }
    request.extensions_mut().insert(signed_in);
    next.run(request).await
}

fn sign_in_first(request: &Request) -> Response {
    let page = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let mut query = form_urlencoded::Serializer::new(String::new());
    let login = format!("/login?{}", query.append_pair("next", page).finish());
    if is_of_htmx(request.headers()) {
        // A part of a page would show the sign-in inside the page.
        return (StatusCode::UNAUTHORIZED, [("hx-redirect", "/login")]).into_response();
    }
    if *request.method() == Method::GET {
        return Redirect::to(&login).into_response();
    }
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "signed_out",
        "you are signed out, so nothing was changed: sign in again, and repeat it",
    )
    .into_response()
}

/// Whether the console's script asks for a part of a page.
pub(super) fn is_of_htmx(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request")
}

/// Whether the client takes pages, as browsers do. A program that asks for nothing gets a problem
/// document, as at every other address.
fn wants_page(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|item| {
        let media = item.split(';').next().unwrap_or_default().trim();
        ["text/html", "text/*", "*/*"].contains(&media)
    })
}

/// Shows problems as pages, and adds the headers of pages.
pub(super) async fn as_page(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    let signed_in = find(&app, request.headers()).await;
    let asked = request.headers().clone();
    let mut response = next.run(request).await;
    if wants_page(&asked)
        && let Some(problem) = response.extensions_mut().remove::<Problem>()
    {
        let id = id.as_ref().and_then(|id| id.0.to_str().ok());
        if let Some(cause) = &problem.cause {
            tracing::error!(request_id = id, error = cause, "a page failed");
        }
        response = error_page::show(&app, signed_in.as_ref(), &problem, id);
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    compress(response, &asked)
}
