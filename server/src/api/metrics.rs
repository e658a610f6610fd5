//! `GET /metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};

use super::access::Reader;
use super::cost::Summary;
use super::params::Params;
use crate::app::App;
use crate::figures;
use crate::figures::prometheus::{Format, text_of};
use crate::http::problem::Problem;
use crate::openapi::{Answered, Form, Group, Operation, Param, Shape};

/// Describes [`metrics`].
pub const METRICS: Operation =
    Operation::new(Group::Operate, "getMetrics", "The figures of the server, for Prometheus")
        .about("In the text format of Prometheus, or in OpenMetrics if `Accept` asks for it.")
        .headers(&[Param::new("Accept", Form::Text, "Which of the two formats is wanted")]);

/// The answer of [`metrics`].
#[derive(Debug)]
pub struct MetricsPage(Response);

impl Answered for MetricsPage {
    fn describe(shape: &mut Shape<'_>) {
        shape.answer_text("text/plain", "The figures");
        shape.answer_text("application/openmetrics-text", "The figures");
    }
}

impl IntoResponse for MetricsPage {
    fn into_response(self) -> Response {
        self.0
    }
}

/// `GET /metrics`: the figures of the server, for Prometheus and whatever reads its format.
pub async fn metrics(
    _: Reader<Summary>,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Params,
) -> Result<MetricsPage, Problem> {
    params.finish(METRICS.query)?;
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(accept);
    let figures = figures::collect(&app).await;
    let page =
        text_of(figures, &app.named_sources, format).map_err(|error| Problem::internal(&error))?;
    let headers = [(CONTENT_TYPE, format.content_type()), (CACHE_CONTROL, "no-store")];
    Ok(MetricsPage((headers, page).into_response()))
}
