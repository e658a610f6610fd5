//! Checks of alerts and of what was said about them.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::OptionalExtension;

use super::{Databases, Found};
use crate::store::{AlertMark, AlertPhase, NOTICES_MAX, Notice, NoticeDelivery, NoticeState};

const PLACE: &str = "store.db";

pub(super) fn alerts(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let mark: Option<String> = databases
        .store()
        .query_row("SELECT mark_json FROM alert_mark", [], |row| row.get(0))
        .optional()?;
    if mark.is_some_and(|text| serde_json::from_str::<AlertMark>(&text).is_err()) {
        found.add(PLACE, "the mark of alerts cannot be read", String::new);
    }
    let firing = firing(databases, found)?;
    let said = Said::read(databases, found)?;
    for (alert, shown) in &firing {
        // While fewer were ever said, none was deleted.
        if said.last_number <= NOTICES_MAX && !said.begun.contains(alert) {
            found.add(PLACE, "an alert is firing that was never announced", || shown.clone());
        }
        if said.ended.contains(alert) {
            found.add(PLACE, "an alert is firing whose end was announced", || shown.clone());
        }
    }
    Ok(())
}

/// The ids of alerts that are firing, each with how to show it.
fn firing(databases: &Databases, found: &mut Found) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut firing = BTreeMap::new();
    let mut statement =
        databases.store().prepare("SELECT rule, thing, phase_json FROM alert_states")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (rule, thing, text): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let shown = format!("rule {rule} about {thing}");
        match serde_json::from_str(&text) {
            Ok(AlertPhase::Firing { alert, .. }) => drop(firing.insert(alert, shown)),
            Ok(AlertPhase::Pending { .. }) => {}
            Err(_) => found.add(PLACE, "an alert cannot be read", || shown),
        }
    }
    Ok(firing)
}

/// What was said about alerts.
#[derive(Default)]
struct Said {
    /// The alerts whose beginning was announced.
    begun: BTreeSet<String>,
    /// The alerts whose end was announced.
    ended: BTreeSet<String>,
    /// The number of the last notice.
    last_number: i64,
}

impl Said {
    fn read(databases: &Databases, found: &mut Found) -> rusqlite::Result<Self> {
        let mut said = Self::default();
        let mut count = 0;
        let mut statement = databases.store().prepare(
            "SELECT id, notice_json, delivery, due_ms IS NOT NULL, ended_ms IS NOT NULL \
             FROM alert_notices ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (number, text, delivery): (i64, String, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            let (is_due, has_ended): (bool, bool) = (row.get(3)?, row.get(4)?);
            let shown = || format!("notice {number}");
            (said.last_number, count) = (number, count + 1);
            let wanted = NoticeDelivery::from_name(&delivery).map(|delivery| match delivery {
                NoticeDelivery::Queued => (true, false),
                NoticeDelivery::Sent | NoticeDelivery::Failed => (false, true),
                NoticeDelivery::NoWebhook | NoticeDelivery::Silent => (false, false),
            });
            if wanted != Some((is_due, has_ended)) {
                found.add(PLACE, "a notice is not where its delivery says", shown);
            }
            match serde_json::from_str::<Notice>(&text) {
                Ok(Notice { alert, state: NoticeState::Firing, .. }) => said.begun.insert(alert),
                Ok(Notice { alert, state: NoticeState::Recovered, .. }) => said.ended.insert(alert),
                Err(_) => {
                    found.add(PLACE, "a notice cannot be read", shown);
                    continue;
                }
            };
        }
        let surplus = u64::try_from(count - NOTICES_MAX).unwrap_or(0);
        if surplus > 0 {
            let kind = "more notices are kept than there should be";
            found.add_many(PLACE, kind, surplus, || count.to_string());
        }
        Ok(said)
    }
}
