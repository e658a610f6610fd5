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
use crate::store::{AlertKey, AlertPhase, KeptNotice, NoticeDelivery, NoticeState, StoreError};

/// What is firing, what was said lately, and the rules.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Alerts")]
pub struct AlertsJson {
    /// What is firing.
    pub(crate) active: Vec<ActiveJson>,
    /// What exceeds its limit, but not for long enough yet.
    pub(crate) pending: Vec<PendingJson>,
    /// The last notices, newest first.
    pub(crate) history: Vec<NoticeJson>,
    /// The rules with their limits.
    pub(crate) rules: Vec<AlertRuleJson>,
    pub(crate) webhook: WebhookJson,
    /// When the rules were last evaluated.
    pub(crate) evaluated: Option<i64>,
}

/// An alert that fires.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ActiveAlert")]
pub(crate) struct ActiveJson {
    pub(crate) alert: String,
    pub(crate) rule: String,
    pub(crate) kind: String,
    pub(crate) thing: String,
    pub(crate) since: i64,
    /// In the unit of the rule, when it was last observed. `null` is none, such as no time.
    pub(crate) value: Option<i64>,
    pub(crate) text: String,
    /// Whether its rule was silent when it began.
    pub(crate) silent: bool,
}

/// Something that exceeds its limit, but not for long enough yet.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PendingAlert")]
pub(crate) struct PendingJson {
    pub(crate) rule: String,
    pub(crate) thing: String,
    pub(crate) since: i64,
}

/// What was said about an alert.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertNotice")]
pub(crate) struct NoticeJson {
    pub(crate) id: String,
    pub(crate) alert: String,
    pub(crate) state: NoticeState,
    pub(crate) rule: String,
    pub(crate) kind: String,
    pub(crate) thing: String,
    pub(crate) since: i64,
    pub(crate) at: i64,
    pub(crate) value: Option<i64>,
    pub(crate) text: String,
    pub(crate) delivery: DeliveryJson,
}

/// Where a notice is on its way to the webhook.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NoticeDelivery")]
pub(crate) struct DeliveryJson {
    pub(crate) state: &'static str,
    /// Attempts that failed.
    pub(crate) failures: u32,
    /// When the next attempt is due.
    pub(crate) due: Option<i64>,
    /// When it was sent or given up.
    pub(crate) ended: Option<i64>,
    pub(crate) error: Option<String>,
}

/// A rule with its limits.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertRule")]
pub(crate) struct AlertRuleJson {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// `on`, `silent` or `off`.
    pub(crate) mode: &'static str,
    /// What the value is compared with: ms for ages, hours for `disk_full`, thousandths of the
    /// floor for `disk_floor`, counts otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) above: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) below: Option<i64>,
    /// The value at which it recovers.
    pub(crate) recovers_at: i64,
    pub(crate) for_ms: i64,
    pub(crate) keep_ms: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) names: Vec<String>,
}

/// The webhook that notices are sent to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertWebhook")]
pub(crate) struct WebhookJson {
    pub(crate) configured: bool,
    /// Notices that wait to be sent.
    pub(crate) queued: u64,
}

impl AlertRuleJson {
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
    /// Whether it says that something is wrong, and not that it is fine again.
    pub(crate) fn is_firing(&self) -> bool {
        matches!(self.state, NoticeState::Firing)
    }

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
    JsonResponse::new(&read_alerts(&app, limit).await?)
}

/// Reads the alerts, with at most `limit` notices.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn read_alerts(app: &App, limit: u32) -> Result<AlertsJson, StoreError> {
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
    Ok(AlertsJson {
        active,
        pending,
        history: history.into_iter().map(NoticeJson::new).collect(),
        rules: rules.iter().map(AlertRuleJson::new).collect(),
        webhook: WebhookJson { configured: app.watch.has_webhook, queued },
        evaluated: book.mark.map(|mark| mark.at_ms),
    })
}
