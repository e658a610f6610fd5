//! Metrics of one name, each with a help text and any number of samples.

use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::metrics::histogram::HistogramSums;

/// The name of a label, and its value.
pub(super) type Label<'a> = (&'static str, &'a str);

/// The name of a metric without its suffix, its unit, and what it says.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) unit: Option<Unit>,
    pub(super) help: &'static str,
}

/// Gauges without labels: the name of each, what it says, and where its value is.
pub(super) type Table<T> = [(&'static str, &'static str, fn(&T) -> u64)];

/// A metric without a unit: it counts.
pub(super) const fn count(name: &'static str, help: &'static str) -> Metric {
    Metric { name, unit: None, help }
}

/// A metric in seconds.
pub(super) const fn seconds(name: &'static str, help: &'static str) -> Metric {
    Metric { name, unit: Some(Unit::Seconds), help }
}

/// A metric in bytes.
pub(super) const fn bytes(name: &'static str, help: &'static str) -> Metric {
    Metric { name, unit: Some(Unit::Bytes), help }
}

/// The only sample of a metric without labels.
pub(super) fn one<V>(value: V) -> Option<([Label<'static>; 0], V)> {
    some(Some(value))
}

/// The only sample of a metric without labels, if its value is known.
pub(super) fn some<V>(value: Option<V>) -> Option<([Label<'static>; 0], V)> {
    value.map(|value| ([], value))
}

/// A number of milliseconds in seconds.
#[allow(clippy::cast_precision_loss, reason = "times of this century fit")]
pub(super) fn seconds_of(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1_000.0
}

/// The age of something in seconds, of milliseconds.
pub(super) fn age_s(milliseconds: u64) -> f64 {
    seconds_of(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}

/// Writes metrics, one after the other. A metric without samples is left out.
#[derive(Debug)]
pub(super) struct Families<'a>(DescriptorEncoder<'a>);

impl<'a> Families<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// A number that only grows while the process runs.
    pub(super) fn counter<'l, const N: usize, V: EncodeCounterValue>(
        &mut self,
        metric: &Metric,
        samples: impl IntoIterator<Item = ([Label<'l>; N], V)>,
    ) -> fmt::Result {
        self.write(metric, MetricType::Counter, samples, |sample, value| {
            sample.encode_counter::<NoLabelSet, _, f64>(&value, None)
        })
    }

    /// A number that is true now.
    pub(super) fn gauge<'l, const N: usize, V: EncodeGaugeValue>(
        &mut self,
        metric: &Metric,
        samples: impl IntoIterator<Item = ([Label<'l>; N], V)>,
    ) -> fmt::Result {
        self.write(metric, MetricType::Gauge, samples, |sample, value| sample.encode_gauge(&value))
    }

    /// The gauges of a table, if the values are known. `metric` says their unit.
    pub(super) fn gauges<T>(
        &mut self,
        metric: fn(&'static str, &'static str) -> Metric,
        table: &Table<T>,
        of: Option<&T>,
    ) -> fmt::Result {
        table.iter().try_for_each(|&(name, help, value)| {
            self.gauge(&metric(name, help), some(of.map(value)))
        })
    }

    /// How long something took, since the start.
    pub(super) fn histogram<'l, const N: usize>(
        &mut self,
        metric: &Metric,
        samples: impl IntoIterator<Item = ([Label<'l>; N], HistogramSums)>,
    ) -> fmt::Result {
        self.write(metric, MetricType::Histogram, samples, |sample, sums| {
            let buckets: Vec<(f64, u64)> = sums.buckets().collect();
            sample.encode_histogram::<NoLabelSet>(sums.sum_s, sums.count(), &buckets, None)
        })
    }

    /// Something that is said in labels.
    pub(super) fn info<'l, const N: usize>(
        &mut self,
        metric: &Metric,
        samples: impl IntoIterator<Item = [Label<'l>; N]>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let Self(encoder) = self;
        let mut family = encoder.encode_descriptor(
            metric.name,
            metric.help,
            metric.unit.as_ref(),
            MetricType::Info,
        )?;
        samples.try_for_each(|labels| family.encode_info(&labels))
    }

    fn write<'l, const N: usize, V>(
        &mut self,
        metric: &Metric,
        kind: MetricType,
        samples: impl IntoIterator<Item = ([Label<'l>; N], V)>,
        write: impl Fn(&mut MetricEncoder<'_>, V) -> fmt::Result,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let Self(encoder) = self;
        let mut family =
            encoder.encode_descriptor(metric.name, metric.help, metric.unit.as_ref(), kind)?;
        samples.try_for_each(|(labels, value)| write(&mut family.encode_family(&labels)?, value))
    }
}
