//! What is added to events.

use std::path::PathBuf;

use clap::Args;

use super::file::FileEnrichment;
use crate::process::enrich::{Enrichers, Geo, GeoError};

/// What is added to events.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Enrichment (what is added to events stands apart from what came)")]
pub struct EnrichmentArgs {
    /// A MaxMind database (.mmdb), such as GeoLite2 City: adds country, region, city and time zone of the client's network
    #[arg(long, env = "LAMPLIGHT_GEO_FILE", value_name = "FILE")]
    pub geo_file: Option<PathBuf>,
    /// A property that every event gets, such as `environment=production`; can be given again
    #[arg(
        long = "add-property",
        env = "LAMPLIGHT_ADD_PROPERTIES",
        value_delimiter = ',',
        value_name = "NAME=VALUE",
        value_parser = property
    )]
    pub add_properties: Vec<(String, String)>,
}

impl EnrichmentArgs {
    /// Takes from the file what neither flags nor environment gave.
    pub(super) fn complete(&mut self, file: FileEnrichment) {
        self.geo_file = self.geo_file.take().or(file.geo_file);
        if self.add_properties.is_empty() {
            self.add_properties = file.properties.into_iter().collect();
        }
    }

    /// The enrichers that they ask for.
    ///
    /// # Errors
    /// [`GeoError`], if the file cannot be used.
    pub fn enrichers(&self) -> Result<Enrichers, GeoError> {
        let fixed =
            self.add_properties.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        let geo = self.geo_file.as_deref().map(Geo::open).transpose()?;
        Ok(Enrichers { geo, fixed: fixed.collect() })
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it is not NAME=VALUE".into()),
    }
}
