//! A dry run: `?validate=1` answers what would become of each event, and stores nothing.

use http::request::Parts;

use super::refusal::Refusal;
use super::{IntakeState, read_body, receive_body};
use crate::formats::validation;
use crate::keys::keyring::HeldKey;
use crate::store::KeyKind;

/// Whether the request asks for a dry run. A value that cannot be read is refused, because the
/// events of a misspelled dry run must not be stored.
pub(super) fn is_asked(query: Option<&str>) -> Result<bool, Refusal> {
    let Some(query) = query else { return Ok(false) };
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    match parameters.find(|(name, _)| name == "validate") {
        None => Ok(false),
        Some((_, value)) => match &*value {
            "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => Err(Refusal::ValidateInvalid(value.into_owned())),
        },
    }
}

/// Checks a body as if it were stored, within the same limits. It looks nothing up, so it shows no
/// one who has only a write key what the server has stored.
pub(super) async fn check(
    state: &IntakeState,
    head: &Parts,
    kind: KeyKind,
) -> Result<Vec<u8>, Refusal> {
    let received = receive_body(state, head, kind).await?;
    let validation = read_body(state, &received, validation::validate).await?;
    let HeldKey { rates, meter, .. } = &*received.owner;
    meter.charge_events(rates, u64::from(validation.events), state.clock.now_ms());
    Ok(validation.json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_value_that_means_it_asks_for_a_dry_run() {
        for (query, want) in [
            (None, Some(false)),
            (Some("key=wk_1"), Some(false)),
            (Some("key=wk_1&validate=1"), Some(true)),
            (Some("validate=true&key=wk_1"), Some(true)),
            (Some("validate=0"), Some(false)),
            (Some("validate=false"), Some(false)),
            (Some("validate"), None),
            (Some("validate=yes"), None),
        ] {
            assert_eq!(is_asked(query).ok(), want, "{query:?}");
        }
    }
}
