//! Alerts: rules that are evaluated on the server's own figures, and what is said about them.
//!
//! [`engine`] is pure. What it changes is written in one transaction together with what is said, so
//! a crash repeats an evaluation or leaves it complete. The log gets each notice once, after that.
//! The webhook gets it at least once, from a queue ([`courier`]).

pub mod config;
pub mod courier;
pub mod engine;
pub mod facts;
mod message;
pub mod reading;
pub mod rule;

pub use message::without_heading;

use crate::store::{Notice, NoticeDelivery, NoticeState};

/// Logs a notice, unless its rule is silent.
pub fn log(notice: &Notice, delivery: NoticeDelivery) {
    let Notice { alert, rule, thing, text, .. } = notice;
    match notice.state {
        _ if delivery == NoticeDelivery::Silent => {}
        NoticeState::Firing => tracing::warn!(alert, rule, thing, "{text}"),
        NoticeState::Recovered => tracing::info!(alert, rule, thing, "{text}"),
    }
}
