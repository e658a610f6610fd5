//! Routes that are registered together with their description.

use axum::handler::Handler;
use axum::routing::MethodRouter;
use axum::{Router, routing};
use http::Method;

use super::operation::Operation;
use super::shape::Describe;

/// One method of one path, with its description.
#[derive(Debug, Clone)]
pub struct Route {
    /// The HTTP method.
    pub method: Method,
    /// The path, in axum's syntax, which is also that of OpenAPI.
    pub path: &'static str,
    /// What it does.
    pub operation: &'static Operation,
    /// What the types of its handler tell.
    pub describe: Describe,
}

/// Routes outside of the API, whose answers no type describes. The API has
/// [`ApiRoutes`](crate::api::ApiRoutes).
#[derive(Debug)]
pub struct DescribedRoutes<S> {
    router: Router<S>,
    list: Vec<Route>,
}

impl<S: Clone + Send + Sync + 'static> Default for DescribedRoutes<S> {
    fn default() -> Self {
        Self { router: Router::new(), list: Vec::new() }
    }
}

/// A method that adds a route for one HTTP method.
macro_rules! add {
    ($name:ident, $method:ident) => {
        #[doc = concat!("Adds a route for `", stringify!($method), "`.")]
        #[must_use]
        pub fn $name<H, T>(
            self,
            path: &'static str,
            operation: &'static Operation,
            describe: Describe,
            handler: H,
        ) -> Self
        where
            H: Handler<T, S>,
            T: 'static,
        {
            let route = Route { method: Method::$method, path, operation, describe };
            self.with(route, routing::$name(handler))
        }
    };
}

impl<S: Clone + Send + Sync + 'static> DescribedRoutes<S> {
    add!(get, GET);
    add!(post, POST);
    add!(options, OPTIONS);

    /// Every route that was added.
    pub fn list(&self) -> &[Route] {
        &self.list
    }

    /// The routes, ready to be served.
    pub fn into_router(self) -> Router<S> {
        self.router
    }

    fn with(mut self, route: Route, handler: MethodRouter<S>) -> Self {
        let router = self.router.route(route.path, handler);
        self.list.push(route);
        Self { router, ..self }
    }
}
