//! `GET /api/alerts`.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Reader;
use super::cost::Summary;
use super::json::JsonResponse;
use super::params::{LIMIT, Params};
use crate::alerts::rule::{Bound, Rule};
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Group, Operation};
use crate::store::{AlertKey, AlertPhase, KeptNotice, NoticeDelivery, NoticeState};

/// What is firing, what was said lately, and the rules.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Alerts")]
pub struct AlertsJson {
    /// What is firing.
    active: Vec<ActiveJson>,
    /// What exceeds its limit, but not for long enough yet.
    pending: Vec<PendingJson>,
    /// The last notices, newest first.
    history: Vec<NoticeJson>,
    /// The rules with their limits.
    rules: Vec<RuleJson>,
    webhook: WebhookJson,
    /// When the rules were last evaluated.
    evaluated: Option<i64>,
}

/// An alert that fires.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ActiveAlert")]
struct ActiveJson {
    alert: String,
    rule: String,
    kind: String,
    thing: String,
    since: i64,
    /// In the unit of the rule, when it was last observed. `null` is none, such as no time.
    value: Option<i64>,
    text: String,
    /// Whether its rule was silent when it began.
    silent: bool,
}

/// Something that exceeds its limit, but not for long enough yet.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PendingAlert")]
struct PendingJson {
    rule: String,
    thing: String,
    since: i64,
}

/// What was said about an alert.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertNotice")]
struct NoticeJson {
    id: String,
    alert: String,
    state: NoticeState,
    rule: String,
    kind: String,
    thing: String,
    since: i64,
    at: i64,
    value: Option<i64>,
    text: String,
    delivery: DeliveryJson,
}

/// Where a notice is on its way to the webhook.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NoticeDelivery")]
struct DeliveryJson {
    state: &'static str,
    /// Attempts that failed.
    failures: u32,
    /// When the next attempt is due.
    due: Option<i64>,
    /// When it was sent or given up.
    ended: Option<i64>,
    error: Option<String>,
}

/// A rule with its limits.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertRule")]
struct RuleJson {
    name: String,
    kind: &'static str,
    /// `on`, `silent` or `off`.
    mode: &'static str,
    /// What the value is compared with: ms for ages, hours for `disk_full`, thousandths of the
    /// floor for `disk_floor`, counts otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    above: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    below: Option<i64>,
    /// The value at which it recovers.
    recovers_at: i64,
    for_ms: i64,
    keep_ms: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<String>,
}

/// The webhook that notices are sent to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertWebhook")]
struct WebhookJson {
    configured: bool,
    /// Notices that wait to be sent.
    queued: u64,
}

impl RuleJson {
    fn new(rule: &Rule) -> Self {
        let Rule { name, kind, mode, limits, names } = rule;
        let (above, below) = match limits.exceeded {
            Bound::Above(limit) => (Some(limit), None),
            Bound::Below(limit) => (None, Some(limit)),
        };
        Self {
            name: name.clone(),
            kind,
            mode: mode.name(),
            above,
            below,
            recovers_at: limits.fine.number(),
            for_ms: limits.for_ms,
            keep_ms: limits.keep_ms,
            names: names.clone(),
        }
    }
}

impl NoticeJson {
    fn new(kept: KeptNotice) -> Self {
        let KeptNotice { notice, delivery, attempts, due_ms, ended_ms, error, .. } = kept;
        Self {
            id: notice.id,
            alert: notice.alert,
            state: notice.state,
            rule: notice.rule,
            kind: notice.kind,
            thing: notice.thing,
            since: notice.since_ms,
            at: notice.at_ms,
            value: notice.value,
            text: notice.text,
            delivery: DeliveryJson {
                state: delivery.name(),
                failures: attempts,
                due: due_ms,
                ended: ended_ms,
                error,
            },
        }
    }
}

/// Describes [`alerts`].
pub const ALERTS: Operation =
    Operation::new(Group::Operate, "getAlerts", "What is wrong with the server")
        .about(
            "What fires, what was said about it lately, and the rules with their limits. `limit` is how many \
             notices are shown.",
        )
        .query(&[&[LIMIT]]);

/// `GET /api/alerts`: what is firing, what was said lately, and the rules.
pub async fn alerts(
    _: Reader<Summary>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse<AlertsJson>, Problem> {
    let limit = params.limit()?;
    params.finish(ALERTS.query)?;
    let book = app.storage.alerts.book().await?;
    let history = app.storage.alerts.history(limit).await?;
    let notices = app.storage.alerts.notice_counts().await?;
    let queued = notices.get(&NoticeDelivery::Queued).copied().unwrap_or(0);
    let rules = &app.watch.alerts;
    let (mut active, mut pending) = (Vec::new(), Vec::new());
    for (AlertKey { rule, thing }, phase) in book.phases {
        match phase {
            AlertPhase::Pending { since_ms, .. } => {
                pending.push(PendingJson { rule, thing, since: since_ms });
            }
            AlertPhase::Firing { alert, kind, is_silent, since_ms, value, text, .. } => {
                let value = (value != i64::MAX).then_some(value);
                active.push(ActiveJson {
                    alert,
                    rule,
                    kind,
                    thing,
                    since: since_ms,
                    value,
                    text,
                    silent: is_silent,
                });
            }
        }
    }
    JsonResponse::new(&AlertsJson {
        active,
        pending,
        history: history.into_iter().map(NoticeJson::new).collect(),
        rules: rules.iter().map(RuleJson::new).collect(),
        webhook: WebhookJson { configured: app.watch.has_webhook, queued },
        evaluated: book.mark.map(|mark| mark.at_ms),
    })
}
