//! Batches and their signatures (Standard Webhooks, <https://www.standardwebhooks.com>). Pure.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::sinks::event_json::push_event;
use crate::store::EventRow;

/// The body of a test delivery, which has no events.
pub const TEST_BODY: &str = r#"{"events":[],"test":true}"#;

/// The body of a request.
pub fn body(rows: &[EventRow]) -> String {
    let bytes: usize = rows.iter().map(|row| row.json_bytes() + 400).sum();
    let mut out = String::with_capacity(bytes);
    out.push_str("{\"events\":[");
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_event(&mut out, row);
    }
    out.push_str("]}");
    out
}

/// The id of a request: the same for the same events, so that the receiver recognizes a repetition.
pub fn id(rows: &[EventRow]) -> String {
    let mut hash = Sha256::new();
    for row in rows {
        hash.update(row.id.0.as_bytes());
    }
    format!("msg_{}", data_encoding::HEXLOWER.encode(&hash.finalize()[..16]))
}

/// The signer for a configured secret.
///
/// # Errors
/// What is wrong with the secret, without quoting it.
pub fn signer(secret: &str) -> Result<Hmac<Sha256>, String> {
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => BASE64
            .decode(encoded.as_bytes())
            .map_err(|_| "its secret is not valid base64 after whsec_")?,
        None => secret.as_bytes().to_vec(),
    };
    if key.len() < 16 {
        return Err("its secret has fewer than 16 bytes".into());
    }
    Hmac::new_from_slice(&key).map_err(|_| "its secret is too long".into())
}

/// The header `webhook-signature`: HMAC-SHA256 over id, time and body.
pub fn signature(signer: &Hmac<Sha256>, id: &str, time_s: i64, body: &str) -> String {
    let mut mac = signer.clone();
    mac.update(format!("{id}.{time_s}.").as_bytes());
    mac.update(body.as_bytes());
    format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
}
