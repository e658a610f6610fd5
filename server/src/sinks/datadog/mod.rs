//! Datadog, through an agent's DogStatsD: metrics by UDP or a Unix socket.
//!
//! A datagram gets no response, so "sent" means that it left this machine or reached the agent's
//! socket. Nothing is sent twice: counting twice is worse than not counting. The event's timeline
//! shows what was dropped and why.

mod config;
pub mod encode;
mod send;
mod text;

use std::sync::Arc;

pub use config::{Config, Timers};
use encode::Style;
use send::{Agent, Target};
pub use send::{Datagram, pack};

use super::{
    AttemptResult, BatchLimits, CheckResult, Checking, SendReport, Sending, Sink, SinkHealth,
};
use crate::store::{EventRow, Reason};

/// The most events in one batch.
const EVENTS_MAX: u32 = 1_000;
/// The most bytes of events in one batch.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// An agent's DogStatsD.
#[derive(Debug)]
pub struct Datadog {
    agent: Agent,
    style: Style,
    datagram_bytes_max: usize,
}

impl Datadog {
    /// The agent that `config` names. It may not be running yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: &Config) -> Result<Self, String> {
        let target = match (&config.address, &config.socket) {
            (Some(address), None) => Target::Udp(address.clone()),
            #[cfg(unix)]
            (None, Some(path)) => Target::Unix(path.clone()),
            #[cfg(windows)]
            (None, Some(_)) => {
                let why = "agents on Windows have no Unix socket: set its address instead, such as \
                           127.0.0.1:8125";
                return Err(why.into());
            }
            _ => return Err("set either its address or its socket".into()),
        };
        Ok(Self {
            datagram_bytes_max: target.datagram_bytes_max(),
            agent: Agent::new(target),
            style: Style::new(&config.prefix, &config.tags, config.timers),
        })
    }

    async fn send_all(&self, events: Arc<Vec<EventRow>>, now_ms: i64) -> SendReport {
        let mut report = SendReport::all(events.len(), &AttemptResult::Sent, SinkHealth::Up);
        let mut lines = Vec::with_capacity(events.len());
        for (at, row) in events.iter().enumerate() {
            match self.style.line(row, now_ms) {
                Ok(line) => lines.push((at, line)),
                Err(reason) => report.results[at] = AttemptResult::Drop(reason),
            }
        }
        let (datagrams, too_long) = pack(lines, self.datagram_bytes_max);
        let detail = format!(
            "the metric is longer than the {} bytes of a datagram",
            self.datagram_bytes_max
        );
        let reason = Reason::new("too_large", &detail);
        for at in too_long {
            report.results[at] = AttemptResult::Drop(reason.clone());
        }
        for datagram in datagrams {
            let failed = match &report.health {
                SinkHealth::Busy(reason, _) => Some(reason.clone()),
                _ => self.agent.send(datagram.text.as_bytes()).await.err(),
            };
            if let Some(reason) = failed {
                for at in datagram.events {
                    report.results[at] = AttemptResult::Drop(reason.clone());
                }
                // The rest of the batch is not tried, or an agent that hangs would delay it for
                // minutes.
                report.health = SinkHealth::Busy(reason, None);
            }
        }
        report
    }
}

impl Sink for Datadog {
    fn limits(&self) -> BatchLimits {
        let (events_max, bytes_max) = (EVENTS_MAX, BYTES_MAX);
        BatchLimits { events_max, bytes_max, lanes: 1, is_at_most_once: true }
    }

    fn send(&self, events: Arc<Vec<EventRow>>, now_ms: i64) -> Sending<'_> {
        Box::pin(self.send_all(events, now_ms))
    }

    fn check(&self, _now_ms: i64) -> Checking<'_> {
        Box::pin(async move {
            match self.agent.check().await {
                Ok(true) => CheckResult::Works("the agent's socket accepts datagrams".to_owned()),
                Ok(false) => CheckResult::Unconfirmed(
                    "the address can be reached and refuses nothing, but UDP has no answers: look \
                     in Datadog whether metrics arrive"
                        .to_owned(),
                ),
                Err(reason) => CheckResult::Fails(format!(
                    "nothing takes metrics there: start the agent, or correct its address ({reason})"
                )),
            }
        })
    }
}
