//! The declaration of the settings of the intake stream.

use std::path::PathBuf;

use clap::Args;

use super::alert_settings::given;
use crate::store::stream::IntakeUrl;
use crate::system::secret::Secret;

/// Where payloads are kept until the database has stored them, if not in the database itself.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Intake stream (in front of a PostgreSQL database)")]
pub struct IntakeSettings {
    /// URL of a NATS JetStream cluster, version 2.15 or newer, that takes payloads in front of the
    /// database: nats://n1,n2,n3?monitor=http://n1:8222,http://n2:8222,http://n3:8222
    #[arg(long, env = "LAMPLIGHT_INTAKE_URL", hide_env_values = true, value_name = "URL")]
    pub intake_url: Option<Secret>,
    /// File that holds the URL of the intake stream
    #[arg(long, env = "LAMPLIGHT_INTAKE_URL_FILE", hide_env_values = true, value_name = "FILE")]
    pub intake_url_file: Option<PathBuf>,
}

impl IntakeSettings {
    /// Whether there is a stream.
    pub fn is_set(&self) -> bool {
        self.intake_url.is_some() || self.intake_url_file.is_some()
    }

    /// The URL, if there is a stream.
    ///
    /// # Errors
    /// What is wrong with the settings. Never quotes a URL, which may hold a password.
    pub fn url(&self) -> Result<Option<IntakeUrl>, String> {
        let text = given("intake_url", self.intake_url.as_ref(), self.intake_url_file.as_deref())?;
        let parsed = text.map(|text| text.reveal().parse::<IntakeUrl>());
        parsed.transpose().map_err(|error| format!("intake_url: {error}"))
    }
}
