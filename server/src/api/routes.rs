//! Builds the routes of the API so that no handler can forget to check the caller, or to have a
//! cost.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::handler::Handler;
use axum::routing::{MethodRouter, get, patch, post};
use http::{HeaderMap, Method};

use super::access::{Access, Caller};
use super::cost::CostClass;
use super::json::{JsonBody, SmallBody};
use super::params::Params;
use crate::app::App;
use crate::http::path_text::PathText;

/// Routes whose handlers check the caller first, and the list of them.
///
/// A handler whose first argument is not an extractor of the caller's token does not compile:
///
/// ```
/// use lamplight_server::api::{ApiRoutes, Reader, cost};
///
/// async fn handler(_: Reader<cost::Summary>) {}
/// let routes = ApiRoutes::default().get("/api/example", handler);
/// ```
///
/// ```compile_fail
/// use lamplight_server::api::ApiRoutes;
///
/// async fn handler() {}
/// let routes = ApiRoutes::default().get("/api/example", handler);
/// ```
///
/// Nor does a handler that takes a body in another way than [`JsonBody`] and
/// [`SmallBody`], which keep to limits:
///
/// ```
/// use lamplight_server::api::{Admin, ApiRoutes, SmallBody, cost};
///
/// async fn handler(_: Admin<cost::Change>, _: SmallBody) {}
/// let routes = ApiRoutes::default().post("/api/example", handler);
/// ```
///
/// ```compile_fail
/// use lamplight_server::api::{Admin, ApiRoutes, cost};
///
/// async fn handler(_: Admin<cost::Change>, _: axum::body::Bytes) {}
/// let routes = ApiRoutes::default().post("/api/example", handler);
/// ```
#[derive(Debug, Default)]
pub struct ApiRoutes {
    router: Router<Arc<App>>,
    list: Vec<ApiRoute>,
}

/// One method of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRoute {
    /// The HTTP method.
    pub method: Method,
    /// The path, in axum's syntax.
    pub path: &'static str,
    /// Which token it requires.
    pub access: Access,
    /// What a call costs.
    pub class: CostClass,
}

impl ApiRoutes {
    /// Adds a route for `GET`.
    #[must_use]
    pub fn get<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: ChecksCallerFirst + 'static,
    {
        self.add(Method::GET, path, T::CALLER, get(handler))
    }

    /// Adds a route for `POST`.
    #[must_use]
    pub fn post<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: ChecksCallerFirst + 'static,
    {
        self.add(Method::POST, path, T::CALLER, post(handler))
    }

    /// Adds a route for `PATCH`.
    #[must_use]
    pub fn patch<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: ChecksCallerFirst + 'static,
    {
        self.add(Method::PATCH, path, T::CALLER, patch(handler))
    }

    /// Every route that was added.
    pub fn list(&self) -> &[ApiRoute] {
        &self.list
    }

    /// The routes, ready to be served.
    pub fn into_router(self) -> Router<Arc<App>> {
        self.router
    }

    fn add(
        mut self,
        method: Method,
        path: &'static str,
        (access, class): (Access, CostClass),
        handler: MethodRouter<Arc<App>>,
    ) -> Self {
        self.list.push(ApiRoute { method, path, access, class });
        Self { router: self.router.route(path, handler), ..self }
    }
}

/// What a handler may take after the caller. axum's own extractors are missing, because they read
/// bodies without these limits, or answer errors that are no problem documents.
pub trait Argument {}

impl Argument for State<Arc<App>> {}
impl Argument for PathText {}
impl Argument for Params {}
impl Argument for HeaderMap {}
impl Argument for SmallBody {}
impl<T> Argument for JsonBody<T> {}

/// The arguments of a handler, as axum's [`Handler`] lists them, of which the first one checks the
/// caller. axum runs extractors in the order of the arguments.
pub trait ChecksCallerFirst {
    /// Which token the handler requires, and what a call costs.
    const CALLER: (Access, CostClass);
}

macro_rules! checks_caller_first {
    ($($argument:ident)*) => {
        impl<M, C: Caller, $($argument: Argument),*> ChecksCallerFirst for (M, C, $($argument,)*) {
            const CALLER: (Access, CostClass) = (C::ACCESS, C::CLASS);
        }
    };
}

checks_caller_first!();
checks_caller_first!(A1);
checks_caller_first!(A1 A2);
checks_caller_first!(A1 A2 A3);
checks_caller_first!(A1 A2 A3 A4);
