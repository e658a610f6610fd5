//! Alerts: what is kept about them. The rules are in [`crate::alerts`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most notices that are kept. Older ones are deleted, also those that were not delivered.
pub const NOTICES_MAX: i64 = 1_000;

/// One rule about one thing, such as a sink.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertKey {
    /// The name of the rule.
    pub rule: String,
    /// What it is about.
    pub thing: String,
}

/// An alert that is pending or firing. One that is fine is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum AlertPhase {
    /// The limit is exceeded, but not for long enough yet.
    Pending {
        /// When that began, in milliseconds since 1970.
        since_ms: i64,
        /// For how long it was observed, in milliseconds.
        held_ms: i64,
    },
    /// It was announced.
    Firing {
        /// The id of this alert, which its recovery also has.
        alert: String,
        /// The kind of the rule.
        kind: String,
        /// Whether its rule was silent then. If so, its end is not sent either.
        is_silent: bool,
        /// When it was announced.
        since_ms: i64,
        /// For how long the value has been fine, in milliseconds, if it is fine.
        fine_ms: Option<i64>,
        /// The value when it was last observed.
        value: i64,
        /// What it says.
        text: String,
    },
}

impl AlertPhase {
    /// The same alert, which goes on. It has been fine for this long, if it is fine, and the value
    /// is this one, if it is known.
    #[must_use]
    pub fn burning(&self, fine_for_ms: Option<i64>, observed: Option<i64>) -> Self {
        let mut next = self.clone();
        if let Self::Firing { fine_ms, value, .. } = &mut next {
            *fine_ms = fine_for_ms;
            *value = observed.unwrap_or(*value);
        }
        next
    }
}

/// What the rules knew when they were last evaluated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertMark {
    /// The process that evaluated them.
    pub run: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The counts at that time, by name.
    pub counts: BTreeMap<String, u64>,
}

/// Everything that the rules continue from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertBook {
    /// Nothing before the first evaluation.
    pub mark: Option<AlertMark>,
    /// What is pending or firing.
    pub phases: BTreeMap<AlertKey, AlertPhase>,
}

impl AlertBook {
    /// The book once `round` is written.
    #[must_use]
    pub fn after(mut self, round: AlertRound) -> Self {
        for (key, phase) in round.changed {
            match phase {
                Some(phase) => drop(self.phases.insert(key, phase)),
                None => drop(self.phases.remove(&key)),
            }
        }
        Self { mark: Some(round.mark), ..self }
    }
}

/// What a notice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// The alert begins.
    Firing,
    /// It has ended.
    Recovered,
}

/// Something that is said about an alert once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id, by which a receiver drops what arrives again.
    pub id: String,
    /// The id of the alert, which both its notices have.
    pub alert: String,
    /// Whether it begins or has ended.
    pub state: NoticeState,
    /// The name of the rule.
    pub rule: String,
    /// The kind of the rule.
    pub kind: String,
    /// What it is about.
    pub thing: String,
    /// When the alert began, in milliseconds since 1970.
    pub since_ms: i64,
    /// When this was said.
    pub at_ms: i64,
    /// The value that was observed, in the unit of the rule.
    pub value: Option<i64>,
    /// What happened, for people.
    pub text: String,
}

/// Where a notice is on its way to the webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeDelivery {
    /// It is queued.
    Queued,
    /// The receiver accepted it.
    Sent,
    /// It was given up.
    Failed,
    /// There was no webhook.
    NoWebhook,
    /// Its rule is silent.
    Silent,
}

impl NoticeDelivery {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::Sent, Self::Failed, Self::NoWebhook, Self::Silent];

    /// The name in the API and in databases. It never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::NoWebhook => "no_webhook",
            Self::Silent => "silent",
        }
    }

    /// The delivery with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|delivery| delivery.name() == name)
    }
}

/// What one evaluation of the rules changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertRound {
    /// What the rules know now.
    pub mark: AlertMark,
    /// The phases that changed. `None` is fine.
    pub changed: BTreeMap<AlertKey, Option<AlertPhase>>,
    /// What is said, and whether it is owed to the webhook.
    pub notices: Vec<(Notice, NoticeDelivery)>,
}

/// A notice that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptNotice {
    /// Its place in the order in which notices were said.
    pub number: i64,
    /// What was said.
    pub notice: Notice,
    /// Where it is.
    pub delivery: NoticeDelivery,
    /// Attempts that failed.
    pub attempts: u32,
    /// When the next attempt is due, if it is queued.
    pub due_ms: Option<i64>,
    /// When it was sent or given up.
    pub ended_ms: Option<i64>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// How an attempt to deliver a notice ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeAttempt {
    /// It was accepted.
    Sent,
    /// It failed, and the next attempt is due then.
    Retry(i64, String),
    /// It failed, and there is no further attempt.
    Failed(String),
}
