//! The configuration of one sink: `[sinks.<name>]` with a `kind`.

use lamplight_wire::event::Kind;
use serde::Deserialize;

use super::{datadog, file, mixpanel, webhook};
use crate::store::{NamePattern, Route};
use crate::system::backoff::RetryPolicy;

/// One sink.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SinkConfig {
    /// Mixpanel.
    Mixpanel(mixpanel::Config),
    /// Datadog, through an agent's DogStatsD.
    Datadog(datadog::Config),
    /// Any URL.
    Webhook(webhook::Config),
    /// A file of JSON lines.
    File(file::Config),
}

/// An event's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TypeName {
    /// A product event.
    Default,
    /// One that matters most.
    Critical,
    /// An engineering metric.
    Monitor,
}

impl From<TypeName> for Kind {
    fn from(name: TypeName) -> Self {
        match name {
            TypeName::Default => Self::Default,
            TypeName::Critical => Self::Critical,
            TypeName::Monitor => Self::Monitor,
        }
    }
}

/// Which events a sink gets: `[sinks.<name>.route]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteConfig {
    /// Of these types; by default `monitor` for Datadog and `default` for all others.
    pub types: Option<Vec<TypeName>>,
    /// Only events with these names; a `*` at the end stands for anything.
    pub only: Vec<String>,
    /// No events with these names.
    pub except: Vec<String>,
}

/// How a sink is tried again: `[sinks.<name>.retry]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryConfig {
    /// Wait after the first failure, at least, in milliseconds.
    pub base_ms: u32,
    /// Longest wait that grows out of repeated failures, in milliseconds.
    pub cap_ms: u32,
    /// Attempts after which a delivery is given up.
    pub attempts_max: u32,
    /// Hours after which a delivery that fails again is given up.
    pub horizon_hours: u32,
}

impl Default for RetryConfig {
    fn default() -> Self {
        let policy = RetryPolicy::default();
        Self {
            base_ms: policy.base_ms,
            cap_ms: policy.cap_ms,
            attempts_max: policy.attempts_max,
            horizon_hours: 72,
        }
    }
}

impl SinkConfig {
    /// The stable name of its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Mixpanel(_) => "mixpanel",
            Self::Datadog(_) => "datadog",
            Self::Webhook(_) => "webhook",
            Self::File(_) => "file",
        }
    }

    /// The members of a sink of this kind that are secrets, and so may come from the environment.
    pub fn secrets(kind: &str) -> &'static [&'static str] {
        match kind {
            "mixpanel" => &["token", "service_account_secret"],
            "webhook" => &["secret"],
            _ => &[],
        }
    }

    /// The members of a sink of this kind that may hold a secret, and so are shown to nobody.
    pub fn hidden(kind: &str) -> &'static [&'static str] {
        match kind {
            "webhook" => &["secret", "url"],
            _ => Self::secrets(kind),
        }
    }

    fn parts(&self) -> (&RouteConfig, Option<&RetryConfig>, Kind) {
        match self {
            Self::Mixpanel(it) => (&it.route, Some(&it.retry), Kind::Default),
            // What failed is never sent again.
            Self::Datadog(it) => (&it.route, None, Kind::Monitor),
            Self::Webhook(it) => (&it.route, Some(&it.retry), Kind::Default),
            Self::File(it) => (&it.route, Some(&it.retry), Kind::Default),
        }
    }

    /// Which events the sink with this name gets.
    pub fn route(&self, name: &str) -> Route {
        let (route, _, usual) = self.parts();
        let types = route
            .types
            .as_ref()
            .map_or_else(|| vec![usual], |types| types.iter().copied().map(Kind::from).collect());
        let patterns =
            |texts: &[String]| texts.iter().map(|text| NamePattern::new(text.as_str())).collect();
        Route {
            sink: name.to_owned(),
            kind: self.kind(),
            types,
            only: patterns(&route.only),
            except: patterns(&route.except),
        }
    }

    /// How it is tried again.
    pub fn retry(&self) -> RetryPolicy {
        let Some(retry) = self.parts().1 else { return RetryPolicy::default() };
        RetryPolicy {
            base_ms: retry.base_ms.max(1),
            cap_ms: retry.cap_ms,
            attempts_max: retry.attempts_max.max(1),
            horizon_ms: i64::from(retry.horizon_hours) * 60 * 60 * 1000,
        }
    }
}
