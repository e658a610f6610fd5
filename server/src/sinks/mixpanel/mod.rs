//! Mixpanel: events to `/import`, the traits of `identify` to `/engage`.
//!
//! Its documentation names different limits in different places; these are the smaller ones: 2,000
//! events and 2 MB, uncompressed, for each request. A response is either about the request (retry,
//! stop) or about single events, and a partial 400 names them.

mod answer;
mod config;
pub mod encode;
mod enriched;
pub mod limits;
mod newest;
pub mod profile;
mod send;

use std::sync::Arc;

use data_encoding::BASE64;
use reqwest::Url;
use reqwest::header::HeaderValue;

pub use config::{Config, Region};
use newest::NewestTraits;
use tokio::sync::Mutex;

use super::hidden_parts::HiddenParts;
use super::http::{Http, HttpClient};
use super::service::Service;
use super::{BatchLimits, Checking, Sending, Sink};
use crate::metrics::service_answers::ServiceAnswers;
use crate::store::EventRow;
use crate::system::secret::Secret;

/// The most events of a request.
pub const EVENTS_MAX: u32 = 2_000;
/// The most bytes of JSON of a request.
pub const REQUEST_BYTES_MAX: usize = 2_000_000;

/// A Mixpanel project.
pub struct Mixpanel {
    service: Service,
    import_url: Url,
    engage_url: Url,
    authorization: HeaderValue,
    token: String,
    limits: BatchLimits,
    /// Updates of profiles are sent one request at a time, in the order of their events.
    newest: Mutex<NewestTraits>,
}

impl Mixpanel {
    /// The project that `config` describes.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: &Config) -> Result<Self, String> {
        let http = HttpClient::new(config.http.timeout_ms, config.http.ca_file.as_deref())?;
        Self::over(config, Arc::new(http))
    }

    /// The same project over this network.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn over(config: &Config, http: Arc<dyn Http>) -> Result<Self, String> {
        let Config { events_max, parallel, .. } = config;
        if !(1..=EVENTS_MAX).contains(events_max) || !(1..=16).contains(parallel) {
            return Err(format!("events_max must be 1 to {EVENTS_MAX}, and parallel 1 to 16"));
        }
        let token = config.token.reveal().to_owned();
        if token.is_empty() {
            return Err("its token is empty".into());
        }
        let (user, project) =
            match (&config.service_account, &config.service_account_secret, &config.project_id) {
                (None, None, None) => (format!("{token}:"), String::new()),
                (Some(name), Some(secret), Some(project)) => {
                    let number: u64 = project.parse().map_err(|_| "project_id is not a number")?;
                    (format!("{name}:{}", secret.reveal()), format!("&project_id={number}"))
                }
                _ => {
                    let why =
                        "set all or none of service_account, service_account_secret and project_id";
                    return Err(why.into());
                }
            };
        let base = config.url.as_ref().map_or(config.region.url(), Secret::reveal);
        let base = base.trim_end_matches('/');
        let url = |path: String| {
            Url::parse(&format!("{base}{path}"))
                .map_err(|_| "its url is not a valid URL".to_owned())
        };
        // The addresses of its own are public.
        let given = config.url.as_ref().and_then(|url| Url::parse(url.reveal()).ok());
        let secret = config.service_account_secret.as_ref().map(|it| it.reveal().to_owned());
        let credentials = BASE64.encode(user.as_bytes());
        let secrets = [Some(token.clone()), secret, Some(credentials.clone())];
        let hidden = HiddenParts::new(given.as_ref(), secrets.into_iter().flatten());
        let authorization = format!("Basic {credentials}");
        Ok(Self {
            service: Service::new(http, hidden),
            import_url: url(format!("/import?strict=1{project}"))?,
            engage_url: url("/engage?verbose=1".to_owned())?,
            authorization: authorization
                .parse()
                .map_err(|_| "its token has characters that an HTTP header does not allow")?,
            token,
            newest: Mutex::default(),
            limits: BatchLimits {
                events_max: *events_max,
                bytes_max: REQUEST_BYTES_MAX as u64,
                lanes: *parallel as usize,
                is_at_most_once: false,
            },
        })
    }
}

impl Sink for Mixpanel {
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
