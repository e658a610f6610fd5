//! Metrics of the server's own alerts.

use std::fmt;

use super::family::{Families, count, seconds, seconds_of, some};
use crate::figures::Figures;
use crate::store::NoticeDelivery;

pub(super) fn write(figures: &Figures, to: &mut Families<'_>) -> fmt::Result {
    let alerts = figures.alerts.as_ref();
    to.gauge(
        &count(
            "lamplight_alerts",
            "Alerts of the server's own rules that are pending or firing, by rule.",
        ),
        alerts.into_iter().flat_map(|it| &it.by_rule).flat_map(|(rule, counts)| {
            [("pending", counts.pending), ("firing", counts.firing)]
                .map(|(state, alerts)| ([("rule", rule.as_str()), ("state", state)], alerts))
        }),
    )?;
    to.gauge(
        &count(
            "lamplight_alert_notices",
            "The last 1,000 notices of alerts, by their delivery to the webhook. The failed ones \
             were given up.",
        ),
        alerts.into_iter().flat_map(|it| {
            NoticeDelivery::ALL.map(|delivery| {
                let notices = it.notices.get(&delivery).copied().unwrap_or(0);
                ([("delivery", delivery.name())], notices)
            })
        }),
    )?;
    to.gauge(
        &seconds(
            "lamplight_alert_evaluation_time",
            "When the rules of alerts were last evaluated, in seconds since 1970.",
        ),
        some(alerts.and_then(|it| it.evaluated_ms).map(seconds_of)),
    )
}
