//! The description of the HTTP API (OpenAPI 3.1), made from the routes themselves.
//!
//! A route is registered together with its [`Operation`], and everything that types tell is derived
//! from its handler: the body it takes, the answers it gives, the token it requires. So no route
//! exists without a description, and the description cannot name an answer that the handler does
//! not have. What types do not tell (which values a parameter takes, which problems occur) is
//! compared with the real answers by the tests.

mod document;
mod operation;
mod param;
mod problems;
mod routes;
mod shape;

pub use document::document;
pub use operation::{Group, Operation};
pub use param::{Form, Param};
pub use problems::{ANYWHERE, PROBLEMS, ProblemKind};
pub use routes::{DescribedRoutes, Route};
pub use shape::{Answered, Describe, Guard, RequestBody, Shape};
