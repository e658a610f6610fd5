//! How a payload arrived, in the API's JSON.

use schemars::JsonSchema;
use serde::Serialize;

use crate::store::PayloadMetadata;

/// How a payload arrived. `client` is the network of the client's address.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Payload")]
pub(super) struct PayloadMetadataJson {
    payload: String,
    received: i64,
    key: String,
    #[schemars(extend("enum" = ["identity", "gzip", "br", "zstd"]))]
    encoding: &'static str,
    events: u32,
    unpacked_bytes: u32,
    user_agent: Option<String>,
    origin: Option<String>,
    client: Option<String>,
}

impl PayloadMetadataJson {
    pub(super) fn new(metadata: PayloadMetadata) -> Self {
        Self {
            payload: metadata.id.to_string(),
            received: metadata.received_ms,
            key: metadata.key_id,
            encoding: metadata.encoding.name(),
            events: metadata.events,
            unpacked_bytes: metadata.unpacked_bytes,
            user_agent: metadata.user_agent,
            origin: metadata.origin,
            client: metadata.client,
        }
    }
}
