//! Counts by minute, hour and day in answers.

use schemars::JsonSchema;
use serde::Serialize;

use crate::store::{Bucket, Counts, Resolution};

/// A period in which something was counted.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Bucket")]
pub struct BucketJson {
    /// When it begins, in milliseconds since 1970.
    pub begin: i64,
    /// How much there was.
    pub count: i64,
}

/// Counts of the last periods, oldest first. A period without any is missing.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Buckets")]
pub struct BucketsJson {
    /// Of the last 60 minutes.
    pub minutes: Vec<BucketJson>,
    /// Of the last 48 hours.
    pub hours: Vec<BucketJson>,
    /// Of the last 90 days.
    pub days: Vec<BucketJson>,
}

impl BucketsJson {
    /// The counts of the periods up to the one of `now_ms`.
    pub(super) fn new(counts: &Counts, now_ms: i64) -> Self {
        let last = |resolution: Resolution, periods: i64| {
            let period_ms = resolution.period_ms();
            let end_ms = resolution.begin_ms(now_ms).saturating_add(period_ms);
            let from_ms = end_ms.saturating_sub(period_ms.saturating_mul(periods));
            let json = |Bucket { begin_ms, count }| BucketJson { begin: begin_ms, count };
            counts.buckets(resolution, from_ms, end_ms).into_iter().map(json).collect()
        };
        Self {
            minutes: last(Resolution::Minute, 60),
            hours: last(Resolution::Hour, 48),
            days: last(Resolution::Day, 90),
        }
    }
}
