//! Routes that are registered together with their description.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodRouter, get, options, post};
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

impl<S: Clone + Send + Sync + 'static> DescribedRoutes<S> {
    /// Adds a route for `GET`.
    #[must_use]
    pub fn get<H, T>(
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
        self.add(Route { method: Method::GET, path, operation, describe }, get(handler))
    }

    /// Adds a route for `POST`.
    #[must_use]
    pub fn post<H, T>(
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
        self.add(Route { method: Method::POST, path, operation, describe }, post(handler))
    }

    /// Adds a route for `OPTIONS`.
    #[must_use]
    pub fn options<H, T>(
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
        self.add(Route { method: Method::OPTIONS, path, operation, describe }, options(handler))
    }

    /// Every route that was added.
    pub fn list(&self) -> &[Route] {
        &self.list
    }

    /// The routes, ready to be served.
    pub fn into_router(self) -> Router<S> {
        self.router
    }

    fn add(mut self, route: Route, handler: MethodRouter<S>) -> Self {
        let router = self.router.route(route.path, handler);
        self.list.push(route);
        Self { router, ..self }
    }
}
