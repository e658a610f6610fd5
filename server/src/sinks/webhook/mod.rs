//! A webhook: signed batches of JSON to any URL, at least once.
//!
//! The receiver recognizes a repeated event by its `id`, and checks the signature as Standard
//! Webhooks specifies: HMAC over `webhook-id`, `webhook-timestamp` and the body.

mod config;
pub mod encode;
mod send;

use std::sync::Arc;

pub use config::Config;
use hmac::Hmac;
use reqwest::Url;
use sha2::Sha256;

use super::hidden_parts::HiddenParts;
use super::http::{Http, HttpClient};
use super::service::Service;
use super::{BatchLimits, Checking, Sending, Sink};
use crate::metrics::service_answers::ServiceAnswers;
use crate::store::EventRow;

/// The most bytes of a request, unless a single event has more.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// A webhook.
pub struct Webhook {
    service: Service,
    url: Url,
    signer: Hmac<Sha256>,
    limits: BatchLimits,
}

impl Webhook {
    /// The webhook that `config` describes.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: &Config) -> Result<Self, String> {
        let http = HttpClient::new(config.http.timeout_ms, config.http.ca_file.as_deref())?;
        Self::over(config, Arc::new(http))
    }

    /// The same webhook over this network.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn over(config: &Config, http: Arc<dyn Http>) -> Result<Self, String> {
        if !(1..=1_000).contains(&config.events_max) {
            return Err("events_max must be 1 to 1,000".into());
        }
        let url = Url::parse(config.url.reveal()).map_err(|_| "its url is not a valid URL")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("its url must begin with http:// or https://".into());
        }
        let (events_max, bytes_max) = (config.events_max, REQUEST_BYTES_MAX as u64);
        let hidden = HiddenParts::new(Some(&url), [config.secret.reveal().to_owned()]);
        Ok(Self {
            service: Service::new(http, hidden),
            url,
            signer: encode::signer(config.secret.reveal())?,
            limits: BatchLimits { events_max, bytes_max, lanes: 1, is_at_most_once: false },
        })
    }
}

impl Sink for Webhook {
    fn limits(&self) -> BatchLimits {
        self.limits
    }

    fn send(&self, events: Arc<Vec<EventRow>>, now_ms: i64) -> Sending<'_> {
        Box::pin(send::send(self, events, now_ms))
    }

    fn check(&self, now_ms: i64) -> Checking<'_> {
        Box::pin(send::check(self, now_ms))
    }

    fn answers(&self) -> Option<&ServiceAnswers> {
        Some(self.service.answers())
    }
}
