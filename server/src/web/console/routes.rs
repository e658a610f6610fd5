//! The routes of the console.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use http::Method;

use super::{assets, login, signing_in};
use crate::api::partial;
use crate::app::App;

/// Pages and actions. All of them need a session, whichever way they are added.
#[derive(Debug, Default)]
pub(super) struct ConsoleRoutes {
    router: Router<Arc<App>>,
    list: Vec<(Method, &'static str)>,
}

/// Paths of the console that need no session: the sign-in itself, and files.
pub(super) const OPEN: [&str; 4] = ["/", "/login", "/logout", "/console/{file}"];

impl ConsoleRoutes {
    /// Adds a page. With `?format=json` it redirects to its twin in the API, which has the same
    /// parameters. `{id}` in the twin's path stands for the last part of the page's path.
    pub(super) fn page<H, T>(self, path: &'static str, twin: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        let twin = move |request: Request, next: Next| to_twin(twin, request, next);
        self.add(Method::GET, path, get(handler).layer(from_fn(twin)))
    }

    /// Adds a part of a page that has no twin, such as a stream or a fragment.
    pub(super) fn part<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.add(Method::GET, path, get(handler))
    }

    /// Adds an action: what a form of a page sends.
    pub(super) fn action<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.add(Method::POST, path, post(handler))
    }

    /// Every route behind the sign-in.
    pub(super) fn list(&self) -> &[(Method, &'static str)] {
        &self.list
    }

    fn add(mut self, method: Method, path: &'static str, routes: MethodRouter<Arc<App>>) -> Self {
        self.list.push((method, path));
        Self { router: self.router.route(path, routes), list: self.list }
    }

    /// The routes behind the sign-in, and those that need none: the sign-in itself and files.
    pub(super) fn into_router(self, app: &Arc<App>, home: &'static str) -> Router<Arc<App>> {
        let behind = self.router.layer(from_fn(partial::mark));
        let behind = behind.layer(from_fn_with_state(Arc::clone(app), signing_in::require));
        let open = Router::new()
            .route(OPEN[0], get(async move || Redirect::to(home)))
            .route(OPEN[1], get(login::show).post(login::sign_in))
            .route(OPEN[2], post(login::sign_out))
            .route(OPEN[3], get(assets::file));
        behind.merge(open).layer(from_fn_with_state(Arc::clone(app), signing_in::as_page))
    }
}

async fn to_twin(twin: &'static str, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let pairs = || form_urlencoded::parse(query.as_bytes());
    if !pairs().any(|(name, value)| name == "format" && value == "json") {
        return next.run(request).await;
    }
    let mut rest = form_urlencoded::Serializer::new(String::new());
    // Fields of a form that nobody filled in filter nothing.
    rest.extend_pairs(pairs().filter(|(name, value)| name != "format" && !value.is_empty()));
    let rest = rest.finish();
    let id = request.uri().path().rsplit('/').next().unwrap_or_default();
    let path = twin.replace("{id}", id);
    let mark = match (rest.is_empty(), path.contains('?')) {
        (true, _) => "",
        (false, true) => "&",
        (false, false) => "?",
    };
    Redirect::to(&format!("{path}{mark}{rest}")).into_response()
}
