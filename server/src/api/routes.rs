//! Builds the routes of the API so that no handler can forget to check the caller, to have a cost,
//! to refuse what it does not know, or to be described.

use std::sync::Arc;

use axum::extract::State;
use axum::handler::Handler;
use axum::routing::MethodRouter;
use axum::{Extension, Router, routing};
use http::{HeaderMap, Method, Version};

use super::access::{Access, Caller, NoParams};
use super::cost::CostClass;
use super::json::JsonBody;
use super::params::Params;
use crate::app::App;
use crate::http::path_text::PathText;
use crate::openapi::{Answered, Guard, Operation, RequestBody, Route, Shape};

/// Routes whose handlers check the caller first, and the list of them.
///
/// A handler whose first argument is not an extractor of the caller's token does not compile:
///
/// ```
/// use lamplight_server::api::{ApiRoutes, JsonResponse, Reader, cost};
/// use lamplight_server::http::problem::Problem;
/// use lamplight_server::openapi::{Group, Operation};
///
/// const EXAMPLE: Operation = Operation::new(Group::Query, "example", "Show an example");
///
/// async fn handler(_: Reader<cost::Summary>) -> Result<JsonResponse<u64>, Problem> {
///     Err(Problem::new(axum::http::StatusCode::NOT_FOUND, "not_found", "there is none"))
/// }
/// let routes = ApiRoutes::default().get("/api/example", &EXAMPLE, handler);
/// ```
///
/// ```compile_fail
/// use lamplight_server::api::{ApiRoutes, JsonResponse};
/// use lamplight_server::http::problem::Problem;
/// use lamplight_server::openapi::{Group, Operation};
///
/// const EXAMPLE: Operation = Operation::new(Group::Query, "example", "Show an example");
///
/// async fn handler() -> Result<JsonResponse<u64>, Problem> {
///     Err(Problem::new(axum::http::StatusCode::NOT_FOUND, "not_found", "there is none"))
/// }
/// let routes = ApiRoutes::default().get("/api/example", &EXAMPLE, handler);
/// ```
///
/// Nor does a handler that takes a body in another way than [`JsonBody`], which keeps to limits
/// and tells what it expects:
///
/// ```compile_fail
/// use lamplight_server::api::{Admin, ApiRoutes, JsonResponse, cost};
/// use lamplight_server::http::problem::Problem;
/// use lamplight_server::openapi::{Group, Operation};
///
/// const EXAMPLE: Operation = Operation::new(Group::Query, "example", "Show an example");
///
/// async fn handler(
///     _: Admin<cost::Change>,
///     _: axum::body::Bytes,
/// ) -> Result<JsonResponse<u64>, Problem> {
///     Err(Problem::new(axum::http::StatusCode::NOT_FOUND, "not_found", "there is none"))
/// }
/// let routes = ApiRoutes::default().post("/api/example", &EXAMPLE, handler);
/// ```
///
/// Nor does one whose answer has no schema:
///
/// ```compile_fail
/// use lamplight_server::api::{ApiRoutes, Reader, cost};
/// use lamplight_server::openapi::{Group, Operation};
///
/// const EXAMPLE: Operation = Operation::new(Group::Query, "example", "Show an example");
///
/// async fn handler(_: Reader<cost::Summary>) -> &'static str {
///     "anything"
/// }
/// let routes = ApiRoutes::default().get("/api/example", &EXAMPLE, handler);
/// ```
#[derive(Debug, Default)]
pub struct ApiRoutes {
    router: Router<Arc<App>>,
    list: Vec<ApiRoute>,
}

/// One method of one path.
#[derive(Debug, Clone)]
pub struct ApiRoute {
    /// The HTTP method.
    pub method: Method,
    /// The path, in axum's syntax.
    pub path: &'static str,
    /// Which token it requires.
    pub access: Access,
    /// What a call costs.
    pub class: CostClass,
    /// Its description.
    pub described: Route,
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
            handler: H,
        ) -> Self
        where
            H: ApiHandler<T>,
            T: ChecksCallerFirst + 'static,
        {
            self.with::<H, T>(Method::$method, path, operation, routing::$name(handler))
        }
    };
}

impl ApiRoutes {
    add!(get, GET);
    add!(post, POST);
    add!(patch, PATCH);

    /// Every route that was added.
    pub fn list(&self) -> &[ApiRoute] {
        &self.list
    }

    /// The routes, ready to be served.
    pub fn into_router(self) -> Router<Arc<App>> {
        self.router
    }

    fn with<H, T>(
        mut self,
        method: Method,
        path: &'static str,
        operation: &'static Operation,
        handler: MethodRouter<Arc<App>>,
    ) -> Self
    where
        H: ApiHandler<T>,
        T: ChecksCallerFirst,
    {
        // A misspelled filter must not look like one that matched everything.
        let handler = if T::TAKES_PARAMS { handler } else { handler.layer(Extension(NoParams)) };
        let described =
            Route { method: method.clone(), path, operation, describe: describe::<H, T> };
        let (access, class) = T::CALLER;
        self.list.push(ApiRoute { method, path, access, class, described });
        Self { router: self.router.route(path, handler), ..self }
    }
}

fn describe<H: ApiHandler<T>, T: ChecksCallerFirst>(shape: &mut Shape<'_>) {
    let (access, class) = T::CALLER;
    shape.cost(&class);
    shape.problems(&["token_missing", "token_unknown", "token_disabled", "token_wrong_kind"]);
    shape.guard(match access {
        Access::Reader => Guard::ReaderToken,
        Access::Admin => Guard::AdminToken,
    });
    if access == Access::Admin {
        shape.problems(&["token_read_only", "cross_origin"]);
    }
    // Every handler can refuse parameters, wait in vain for a place, and read or write.
    shape.problems(&["parameter_unknown", "parameter_invalid", "busy", "not_readable", "too_slow"]);
    T::describe(shape);
    H::describe(shape);
}

/// What a handler may take after the caller. axum's own extractors are missing, because they read
/// bodies without these limits, or answer errors that are no problem documents.
pub trait Argument {
    /// Whether it takes the query parameters.
    const TAKES_PARAMS: bool = false;

    /// Adds what it tells about the request and about problems.
    fn describe(_: &mut Shape<'_>) {}
}

impl Argument for State<Arc<App>> {}
impl Argument for PathText {
    fn describe(shape: &mut Shape<'_>) {
        shape.problems(&["path_invalid"]);
    }
}
impl Argument for Params {
    const TAKES_PARAMS: bool = true;
}
impl Argument for HeaderMap {}
impl Argument for Version {
    fn describe(shape: &mut Shape<'_>) {
        shape.problems(&["http_version_too_old"]);
    }
}
impl<T: RequestBody> Argument for JsonBody<T> {
    fn describe(shape: &mut Shape<'_>) {
        shape.body::<T>();
    }
}

/// The arguments of a handler, as axum's [`Handler`] lists them, of which the first one checks the
/// caller. axum runs extractors in the order of the arguments.
pub trait ChecksCallerFirst {
    /// Which token the handler requires, and what a call costs.
    const CALLER: (Access, CostClass);
    /// Whether one of them takes the query parameters.
    const TAKES_PARAMS: bool;

    /// Adds what they tell.
    fn describe(shape: &mut Shape<'_>);
}

/// A handler whose answers are described by their types.
pub trait ApiHandler<T>: Handler<T, Arc<App>> {
    /// Adds its answers.
    fn describe(shape: &mut Shape<'_>);
}

macro_rules! checks_caller_first {
    ($($argument:ident)*) => {
        impl<M, C: Caller, $($argument: Argument),*> ChecksCallerFirst for (M, C, $($argument,)*) {
            const CALLER: (Access, CostClass) = (C::ACCESS, C::CLASS);
            const TAKES_PARAMS: bool = false $(|| $argument::TAKES_PARAMS)*;

            fn describe(_shape: &mut Shape<'_>) {
                $($argument::describe(_shape);)*
            }
        }

        impl<F, A, M, C, $($argument),*> ApiHandler<(M, C, $($argument,)*)> for F
        where
            F: Handler<(M, C, $($argument,)*), Arc<App>> + FnOnce(C, $($argument),*) -> A,
            A: Future,
            A::Output: Answered,
        {
            fn describe(shape: &mut Shape<'_>) {
                A::Output::describe(shape);
            }
        }
    };
}

checks_caller_first!();
checks_caller_first!(A1);
checks_caller_first!(A1 A2);
checks_caller_first!(A1 A2 A3);
checks_caller_first!(A1 A2 A3 A4);
