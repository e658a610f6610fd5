//! A service that a sink sends to over HTTP. Every answer is counted, and a secret that it repeats
//! does not leave this module.

use std::sync::Arc;

use super::hidden_parts::HiddenParts;
use super::http::{Answer, Http, Request};
use crate::metrics::service_answers::{ServiceAnswer, ServiceAnswers};
use crate::store::Reason;

/// The most bytes of an answer that are kept.
const TEXT_BYTES_MAX: usize = 300;

/// A service over HTTP.
pub(super) struct Service {
    http: Arc<dyn Http>,
    hidden: HiddenParts,
    answers: ServiceAnswers,
}

impl Service {
    pub(super) fn new(http: Arc<dyn Http>, hidden: HiddenParts) -> Self {
        Self { http, hidden, answers: ServiceAnswers::default() }
    }

    /// Sends a request and reads the response, without secrets.
    pub(super) async fn send(&self, request: Request, now_ms: i64) -> Result<Answer, Reason> {
        let answer = self.http.send(request, now_ms).await.map(|answer| self.hidden.hide(answer));
        self.answers.record(match &answer {
            Ok(Answer { status, body, .. }) => {
                let text = String::from_utf8_lossy(&body[..body.len().min(TEXT_BYTES_MAX)]);
                ServiceAnswer { at_ms: now_ms, status: Some(*status), text: text.trim().to_owned() }
            }
            Err(reason) => ServiceAnswer { at_ms: now_ms, status: None, text: reason.to_string() },
        });
        answer
    }

    /// What it has answered.
    pub(super) fn answers(&self) -> &ServiceAnswers {
        &self.answers
    }
}
