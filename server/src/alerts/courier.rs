//! Delivers notices to the webhook, one after the other, at least once.
//!
//! A notice leaves the queue only once its receiver has accepted it, or once it is given up. What
//! arrives again has the same `id`. Nothing waits for the webhook: rules only add to its queue.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hmac::Hmac;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use sha2::Sha256;
use tokio::sync::{Notify, watch};

use crate::sinks::hidden_parts::HiddenParts;
use crate::sinks::http::{self, Http, HttpClient, Meaning, Request};
use crate::sinks::webhook::encode;
use crate::store::{
    Alerts, KeptNotice, Notice, NoticeAttempt, NoticeState, Peers, Reason, StoreError,
};
use crate::system::backoff::RetryPolicy;
use crate::system::clock::Clock;
use crate::system::entropy::Entropy;
use crate::system::secret::Secret;

/// How long one request may take, in milliseconds.
const TIMEOUT_MS: u32 = 10_000;
/// The longest pause between two looks at the queue.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The pause while another server delivers.
const FOLLOWS: Duration = Duration::from_secs(1);
/// The pause after an error of the database.
const AFTER_ERROR: Duration = Duration::from_secs(5);
/// Attempts after which a notice that the receiver refuses is given up.
const REFUSED_MAX: u32 = 5;
/// How notices are retried: 2 s to 5 min, for 72 hours.
const RETRY: RetryPolicy = RetryPolicy {
    base_ms: 2_000,
    cap_ms: 5 * 60 * 1_000,
    attempts_max: 20,
    horizon_ms: 72 * 60 * 60 * 1_000,
};

/// A webhook for notices.
pub struct Webhook {
    http: Arc<dyn Http>,
    url: Url,
    signer: Hmac<Sha256>,
    hidden: HiddenParts,
}

impl Webhook {
    /// The webhook at `url`, whose requests are signed with `secret`. Its certificate may also be
    /// from an authority in `ca_file`.
    ///
    /// # Errors
    /// What is wrong with the configuration, without quoting it.
    pub fn new(url: &Secret, secret: &Secret, ca_file: Option<&Path>) -> Result<Self, String> {
        let parsed =
            Url::parse(url.reveal()).map_err(|_| "alerts_webhook_url is not a valid URL")?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err("alerts_webhook_url must begin with http:// or https://".into());
        }
        let hidden = HiddenParts::new(Some(&parsed), [secret.reveal().to_owned()]);
        let signer = encode::signer(secret.reveal())?;
        let http = Arc::new(HttpClient::new(TIMEOUT_MS, ca_file)?);
        Ok(Self { http, url: parsed, signer, hidden })
    }

    async fn post(&self, notice: &Notice, now_ms: i64) -> Result<(), (Reason, bool)> {
        let answer = self.send(notice, now_ms).await.map_err(|reason| (reason, false))?;
        match http::meaning(answer.status) {
            Meaning::Taken => Ok(()),
            Meaning::Refused | Meaning::TooLarge => Err((http::reason(&answer), true)),
            Meaning::Busy | Meaning::Stop => Err((http::reason(&answer), false)),
        }
    }

    async fn send(&self, notice: &Notice, now_ms: i64) -> Result<http::Answer, Reason> {
        let failed = |error: &dyn std::fmt::Display| Reason::new("not_packed", &error.to_string());
        let body = serde_json::to_string(&NoticeJson::new(notice)).map_err(|it| failed(&it))?;
        let time_s = now_ms / 1_000;
        let signature = encode::signature(&self.signer, &notice.id, time_s, &body);
        let header = |text: &str| HeaderValue::from_str(text).map_err(|error| failed(&error));
        let headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (HeaderName::from_static("webhook-id"), header(&notice.id)?),
            (HeaderName::from_static("webhook-timestamp"), HeaderValue::from(time_s)),
            (HeaderName::from_static("webhook-signature"), header(&signature)?),
        ]);
        let request = Request { url: self.url.clone(), headers, body: body.into() };
        Ok(self.hidden.hide(self.http.send(request, now_ms).await?))
    }
}

/// The body of a request. `text` is what Slack and programs like it show.
#[derive(Serialize)]
struct NoticeJson<'a> {
    text: &'a str,
    id: &'a str,
    alert: &'a str,
    state: NoticeState,
    rule: &'a str,
    kind: &'a str,
    thing: &'a str,
    value: Option<i64>,
    since: i64,
    at: i64,
}

impl<'a> NoticeJson<'a> {
    fn new(notice: &'a Notice) -> Self {
        let Notice { id, alert, state, rule, kind, thing, since_ms, at_ms, value, text } = notice;
        let (state, value, since, at) = (*state, *value, *since_ms, *at_ms);
        Self { text, id, alert, state, rule, kind, thing, value, since, at }
    }
}

/// Delivers notices until it is stopped.
pub struct Courier {
    /// Where they are queued.
    pub alerts: Arc<dyn Alerts>,
    /// Whether another server delivers them.
    pub peers: Arc<dyn Peers>,
    /// Where they go.
    pub webhook: Webhook,
    /// Rings when one was added.
    pub added: Arc<Notify>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Spreads retries.
    pub entropy: Arc<dyn Entropy>,
}

impl Courier {
    /// Delivers until `stop` holds true. A request that is running then is sent again by the next
    /// start.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                () = self.round() => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Tries the first notice, or waits until one is added or due.
    async fn round(&self) {
        if !self.peers.is_leader() {
            tokio::time::sleep(FOLLOWS).await;
            return;
        }
        let added = self.added.notified();
        let wait = match self.deliver_next().await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(%error, "failed to read or settle the notices of alerts; retrying");
                AFTER_ERROR
            }
        };
        if !wait.is_zero() {
            let _ = tokio::time::timeout(wait, added).await;
        }
    }

    /// Tries the first notice if it is due. Returns how long to wait for the next.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn deliver_next(&self) -> Result<Duration, StoreError> {
        let Some(queued) = self.alerts.next_queued().await? else { return Ok(LOOK_EVERY) };
        let now_ms = self.clock.now_ms();
        let wait_ms = queued.due_ms.unwrap_or(now_ms).saturating_sub(now_ms);
        // A longer wait than there is was computed by a clock that has been set back since.
        if (1..=i64::from(RETRY.cap_ms)).contains(&wait_ms) {
            let wait = Duration::from_millis(wait_ms.unsigned_abs());
            return Ok(wait.min(LOOK_EVERY));
        }
        let attempt = match self.webhook.post(&queued.notice, now_ms).await {
            Ok(()) => NoticeAttempt::Sent,
            Err((reason, is_refused)) => self.failed(&queued, &reason, is_refused),
        };
        self.alerts.settle(queued.number, attempt, self.clock.now_ms()).await?;
        Ok(Duration::ZERO)
    }

    fn failed(&self, queued: &KeptNotice, reason: &Reason, is_refused: bool) -> NoticeAttempt {
        let (id, error) = (&queued.notice.id, reason.to_string());
        let (failures, now_ms) = (queued.attempts.saturating_add(1), self.clock.now_ms());
        let age_ms = now_ms.saturating_sub(queued.notice.at_ms);
        let is_over = failures >= RETRY.attempts_max && age_ms >= RETRY.horizon_ms;
        if is_over || is_refused && failures >= REFUSED_MAX {
            tracing::warn!(id, error, failures, "gave up sending an alert to the webhook");
            return NoticeAttempt::Failed(error);
        }
        if queued.attempts == 0 {
            tracing::warn!(id, error, "failed to send an alert to the webhook; retrying");
        }
        let random = self.entropy.bits().map_or(0, |bits| u64::try_from(bits >> 64).unwrap_or(0));
        NoticeAttempt::Retry(now_ms.saturating_add(RETRY.delay_ms(failures, random)), error)
    }
}
