//! The figures as metrics, in the text formats of Prometheus and OpenMetrics.
//!
//! Counters (`…_total`) and histograms count since the process started. Gauges show the present,
//! and those that come from the database keep their values across restarts.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;

use super::Figures;

mod alerts;
mod events;
mod family;
mod format;
mod intake;
mod process;
mod server;
mod sinks;
mod sources;
mod storage;

pub use format::Format;
pub use sources::NamedSources;

/// Figures whose sources are folded.
#[derive(Debug)]
struct Page(Figures);

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(figures) = self;
        let mut families = family::Families::new(encoder);
        server::write(figures, &mut families)?;
        intake::write(figures, &mut families)?;
        process::write(figures, &mut families)?;
        sinks::write(figures, &mut families)?;
        alerts::write(figures, &mut families)?;
        events::write(figures, &mut families)?;
        storage::write(figures, &mut families)
    }
}

/// Writes `figures` as text in this format.
///
/// # Errors
/// When a value cannot be written.
pub fn text_of(
    mut figures: Figures,
    named: &NamedSources,
    format: Format,
) -> Result<String, fmt::Error> {
    figures.sources = figures.sources.map(|sources| named.fold(sources));
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page(figures)));
    let mut page = String::new();
    match format {
        Format::Prometheus => prometheus_text::encode(&mut page, &registry)?,
        Format::OpenMetrics => text::encode(&mut page, &registry)?,
    }
    Ok(page)
}
