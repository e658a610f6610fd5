//! How long things are kept.

use clap::Args;

use super::file::FileRetention;
use crate::retention::Rules;

/// How long things are kept.
#[derive(Debug, Clone, Args)]
#[command(
    next_help_heading = "Retention (events go by whole weeks; what producers sent stays known)"
)]
pub struct RetentionArgs {
    /// Days to keep events for [default: for ever]
    #[arg(long, env = "LAMPLIGHT_KEEP_DAYS", value_name = "DAYS")]
    pub keep_days: Option<u32>,
    /// Bytes that events may take; the oldest weeks go first, the newest never [default: any number]
    #[arg(long, env = "LAMPLIGHT_KEEP_BYTES", value_name = "BYTES")]
    pub keep_bytes: Option<u64>,
    /// Days to keep raw payloads for once they are processed; they can be replayed for so long
    #[arg(long, env = "LAMPLIGHT_KEEP_PAYLOAD_DAYS", default_value_t = 14, value_name = "DAYS")]
    pub keep_payload_days: u32,
    /// Days in which a second event of the same `id` is a duplicate, for clients that do not number events
    #[arg(
        long,
        env = "LAMPLIGHT_KEEP_ID_DAYS",
        default_value_t = 30,
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(7..)
    )]
    pub keep_id_days: u32,
}

impl RetentionArgs {
    /// Takes from the file what neither flags nor environment gave.
    pub(super) fn complete(&mut self, file: &FileRetention, is_default: &dyn Fn(&str) -> bool) {
        self.keep_days = self.keep_days.or(file.events_days);
        self.keep_bytes = self.keep_bytes.or(file.events_bytes);
        if let Some(days) = file.payload_days.filter(|_| is_default("keep_payload_days")) {
            self.keep_payload_days = days;
        }
        if let Some(days) = file.id_days.filter(|_| is_default("keep_id_days")) {
            self.keep_id_days = days.0;
        }
    }

    /// What they say.
    pub fn rules(&self) -> Rules {
        Rules {
            events_days: self.keep_days,
            events_bytes: self.keep_bytes,
            payload_days: self.keep_payload_days,
            id_days: self.keep_id_days,
        }
    }
}
