//! `/alerts`: what is wrong with the server, what was said about it, and the rules.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use super::caller::Viewer;
use super::frame::Frame;
use super::page::Page;
use super::shown::{self, Number};
use crate::api::cost::Summary;
use crate::api::{AlertRuleJson, AlertsJson, Params, read_alerts};
use crate::app::App;
use crate::http::problem::Problem;

/// How many notices are shown.
const NOTICES: u32 = 50;

#[derive(Template)]
#[template(path = "alerts.html")]
struct Alerts {
    frame: Option<Frame>,
    found: AlertsJson,
    now_ms: i64,
}

/// `GET /alerts`.
pub(super) async fn show(
    viewer: Viewer<Summary>,
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Page, Problem> {
    params.finish(&[])?;
    let found = read_alerts(&app, NOTICES).await?;
    let now_ms = app.clock.now_ms();
    Page::render(&Alerts { frame: viewer.frame("/alerts"), found, now_ms })
}

impl Alerts {
    /// When a rule fires, in its own unit.
    fn limit(&self, rule: &AlertRuleJson) -> String {
        match (rule.above, rule.below) {
            (Some(0), _) if rule.kind == "sink_failing" => "while a sink fails".into(),
            (Some(limit), _) => format!("above {}", self.amount(rule, limit)),
            (_, Some(limit)) => format!("below {}", self.amount(rule, limit)),
            _ => String::new(),
        }
    }

    /// A value of a rule in its own unit.
    fn amount(&self, rule: &AlertRuleJson, value: impl Number) -> String {
        let positive = value.at_least_0();
        match rule.kind {
            "queue_age" | "sink_failing" | "event_stopped" => shown::duration(positive),
            "disk_full" => shown::duration(positive.saturating_mul(3_600_000)),
            "disk_floor" => format!("{} % of the floor", shown::count(positive / 10)),
            _ => shown::count(value),
        }
    }

    fn long(&self, ms: &i64) -> String {
        match u64::try_from(*ms).unwrap_or(0) {
            0 => "at once".into(),
            ms => shown::duration(ms),
        }
    }
}
