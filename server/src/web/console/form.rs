//! What a form of a page sends.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use http::StatusCode;

use super::signing_in::SignedIn;
use crate::app::App;
use crate::http::body::BodyLimits;
use crate::http::problem::Problem;

/// What forms may send.
const LIMITS: BodyLimits = BodyLimits { bytes_max: 128 * 1024, advice: "send a smaller form" };

/// The fields of a form (`application/x-www-form-urlencoded`), in their order.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn read(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).map(|(n, v)| (n.into_owned(), v.into_owned())).collect())
    }

    /// The value of a field, without spaces around it, unless it is empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(known, _)| known == name);
        field.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The value of a field that must be there.
    pub(super) fn required(&self, name: &str, noun: &str) -> Result<&str, Problem> {
        self.text(name).ok_or_else(|| invalid(format!("fill in the {noun}")))
    }
}

/// A field has a value that it cannot have.
pub(super) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "form_invalid", detail)
}

impl FromRequest<Arc<App>> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (head, _) = request.into_parts();
        let Some(SignedIn { held }) = head.extensions.get::<SignedIn>() else {
            return Err(invalid("sign in first"));
        };
        Ok(Self::read(&app.bodies.receive(&head, &**held, &LIMITS).await?.bytes))
    }
}
