//! The declaration of the settings of the webhook for alerts.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::system::secret::{self, Secret};

/// Where alerts are sent to.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Alerts (they are logged, and sent to a webhook if there is one)")]
pub struct AlertSettings {
    /// URL that alerts are POSTed to, with a text that Slack shows; it may contain a secret, so it
    /// is never shown
    #[arg(long, env = "LAMPLIGHT_ALERTS_WEBHOOK_URL", hide_env_values = true, value_name = "URL")]
    pub alerts_webhook_url: Option<Secret>,
    /// File that holds the URL
    #[arg(
        long,
        env = "LAMPLIGHT_ALERTS_WEBHOOK_URL_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub alerts_webhook_url_file: Option<PathBuf>,
    /// Key that signs the requests, as those of a webhook sink: at least 16 bytes, or `whsec_` and
    /// their base64
    #[arg(
        long,
        env = "LAMPLIGHT_ALERTS_WEBHOOK_SECRET",
        hide_env_values = true,
        value_name = "KEY"
    )]
    pub alerts_webhook_secret: Option<Secret>,
    /// File that holds the key that signs the requests
    #[arg(
        long,
        env = "LAMPLIGHT_ALERTS_WEBHOOK_SECRET_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub alerts_webhook_secret_file: Option<PathBuf>,
    /// File of certificate authorities (PEM) to trust beside Mozilla's roots, if the webhook is
    /// served with a certificate of your own authority
    #[arg(long, env = "LAMPLIGHT_ALERTS_WEBHOOK_CA_FILE", value_name = "FILE")]
    pub alerts_webhook_ca_file: Option<PathBuf>,
}

impl AlertSettings {
    /// Whether alerts are sent to a webhook.
    pub fn has_webhook(&self) -> bool {
        self.alerts_webhook_url.is_some() || self.alerts_webhook_url_file.is_some()
    }

    /// The URL of the webhook and the key that signs its requests, if there is one.
    ///
    /// # Errors
    /// What is wrong with the settings. Never quotes a path, which may be the secret itself.
    pub fn webhook(&self) -> Result<Option<(Secret, Secret)>, String> {
        let url = given(
            "alerts_webhook_url",
            self.alerts_webhook_url.as_ref(),
            self.alerts_webhook_url_file.as_deref(),
        )?;
        let secret = given(
            "alerts_webhook_secret",
            self.alerts_webhook_secret.as_ref(),
            self.alerts_webhook_secret_file.as_deref(),
        )?;
        match (url, secret) {
            (Some(url), Some(secret)) => Ok(Some((url, secret))),
            (None, None) if self.alerts_webhook_ca_file.is_some() => {
                Err("alerts_webhook_url is missing: set it, or remove alerts_webhook_ca_file"
                    .into())
            }
            (None, None) => Ok(None),
            (Some(_), None) => Err("alerts_webhook_secret is missing: set it to a key that you \
                                    choose, which signs the requests"
                .into()),
            (None, Some(_)) => Err("alerts_webhook_url is missing: set it, or remove \
                                    alerts_webhook_secret"
                .into()),
        }
    }
}

/// A secret that was given as text or as the file that holds it.
pub(super) fn given(
    key: &str,
    text: Option<&Secret>,
    file: Option<&Path>,
) -> Result<Option<Secret>, String> {
    match (text, file) {
        (Some(text), _) => Ok(Some(text.clone())),
        (None, None) => Ok(None),
        (None, Some(path)) => match secret::read_file(path) {
            Ok(text) => Ok(Some(Secret::from(text.as_str()))),
            Err(error) => Err(format!(
                "{key}_file must be the path of a file that holds the secret, and that file cannot \
                 be read: {error}"
            )),
        },
    }
}
