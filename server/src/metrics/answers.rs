//! Answers to requests, by what was asked for and by status.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a request is for, told by its path. There are as many as this, whatever clients ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteClass {
    /// Events from clients.
    Intake,
    /// The API.
    Api,
    /// The metrics.
    Metrics,
    /// Health checks.
    Health,
    /// The SDK as a script.
    Script,
    /// The pages of the server and the demo, and everything that does not exist.
    Other,
}

impl RouteClass {
    /// Every class.
    pub const ALL: [Self; 6] =
        [Self::Intake, Self::Api, Self::Metrics, Self::Health, Self::Script, Self::Other];

    /// The class of a path.
    pub fn of(path: &str) -> Self {
        match path {
            "/metrics" => Self::Metrics,
            "/healthz" | "/readyz" => Self::Health,
            _ if path.starts_with("/v1/") => Self::Intake,
            _ if path.starts_with("/api/") => Self::Api,
            _ if path.starts_with("/lamplight")
                && path.rsplit_once('.').is_some_and(|(_, it)| it == "js") =>
            {
                Self::Script
            }
            _ => Self::Other,
        }
    }

    /// The name, as a label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Api => "api",
            Self::Metrics => "metrics",
            Self::Health => "health",
            Self::Script => "script",
            Self::Other => "other",
        }
    }
}

const STATUS_MIN: u16 = 100;
const STATUSES: usize = 500;

/// How many answers of one class had each status from 100 to 599.
#[derive(Debug)]
struct OfClass([AtomicU64; STATUSES]);

/// How many answers there were, by class and status, since the start of the process.
#[derive(Debug)]
pub struct Answers([OfClass; RouteClass::ALL.len()]);

/// Answers of one class with one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerCount {
    /// What the requests were for.
    pub class: RouteClass,
    /// The HTTP status.
    pub status: u16,
    /// How many there were.
    pub count: u64,
}

impl Default for Answers {
    fn default() -> Self {
        Self(std::array::from_fn(|_| OfClass(std::array::from_fn(|_| AtomicU64::new(0)))))
    }
}

impl Answers {
    /// Counts one answer.
    pub fn record(&self, class: RouteClass, status: u16) {
        let place = usize::from(status.saturating_sub(STATUS_MIN));
        let of_class = self.0.get(class as usize);
        if let Some(count) = of_class.and_then(|OfClass(counts)| counts.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The counts so far, without those that are zero.
    pub fn counts(&self) -> Vec<AnswerCount> {
        let mut all = Vec::new();
        for (class, OfClass(counts)) in RouteClass::ALL.into_iter().zip(&self.0) {
            for (status, count) in (STATUS_MIN..).zip(counts) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    all.push(AnswerCount { class, status, count });
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_class_and_status() {
        let answers = Answers::default();
        for (path, status) in [
            ("/v1/events", 200),
            ("/v1/logs/", 200),
            ("/v1/events", 599),
            ("/api/totals", 100),
            ("/lamplight-full.js", 304),
            ("/.env", 404),
            ("/v2", 404),
            ("/lamplight.js.map", 404),
        ] {
            answers.record(RouteClass::of(path), status);
        }
        let counts: Vec<_> =
            answers.counts().iter().map(|it| (it.class.name(), it.status, it.count)).collect();
        assert_eq!(
            counts,
            [
                ("intake", 200, 2),
                ("intake", 599, 1),
                ("api", 100, 1),
                ("script", 304, 1),
                ("other", 404, 3)
            ]
        );
    }

    #[test]
    fn classes_are_numbered_as_they_are_listed() {
        let numbers: Vec<usize> = RouteClass::ALL.iter().map(|class| *class as usize).collect();
        assert_eq!(numbers, (0..RouteClass::ALL.len()).collect::<Vec<_>>());
    }
}
