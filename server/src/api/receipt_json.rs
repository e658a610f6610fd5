//! How a payload arrived, as the API gives it.

use serde::Serialize;

use crate::store::Receipt;

/// How a payload arrived.
#[derive(Debug, Serialize)]
pub(super) struct ReceiptJson {
    payload: String,
    received: i64,
    key: String,
    encoding: &'static str,
    events: u32,
    unpacked_bytes: u32,
    user_agent: Option<String>,
    origin: Option<String>,
    client: Option<String>,
}

impl ReceiptJson {
    pub(super) fn new(receipt: Receipt) -> Self {
        Self {
            payload: receipt.id.to_string(),
            received: receipt.received_ms,
            key: receipt.key_id,
            encoding: receipt.encoding.name(),
            events: receipt.events,
            unpacked_bytes: receipt.unpacked_bytes,
            user_agent: receipt.user_agent,
            origin: receipt.origin,
            client: receipt.client,
        }
    }
}
