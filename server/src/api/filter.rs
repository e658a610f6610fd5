//! Which events a request asks for: the parameters that lists, counts and the live view share.

use lamplight_wire::Producer;
use lamplight_wire::event::Kind;

use super::params::{Params, bad};
use crate::http::problem::Problem;
use crate::store::EventFilter;

/// Most properties that one request may ask for.
const PROPERTIES_MAX: usize = 8;
/// Most keys that lead to a property.
const PATH_KEYS_MAX: usize = 16;

/// Takes the filter out of `params`. `from` and `to` are times of receipt.
pub(super) fn read(params: &mut Params<'_>) -> Result<EventFilter, Problem> {
    Ok(EventFilter {
        name: params.text("name"),
        kind: params.value("type", "one of default, critical, monitor", |text| {
            [Kind::Default, Kind::Critical, Kind::Monitor]
                .into_iter()
                .find(|kind| kind.name() == text)
        })?,
        source: params.text("source"),
        user: params.text("user"),
        producer: params.value("producer", "26 characters of Crockford base32", Producer::parse)?,
        from_ms: params.time_ms("from")?,
        to_ms: params.time_ms("to")?,
        properties: properties(params.prefixed("prop."))?,
    })
}

fn properties(given: Vec<(String, String)>) -> Result<Vec<(Vec<String>, String)>, Problem> {
    if given.len() > PROPERTIES_MAX {
        return Err(bad(format!("at most {PROPERTIES_MAX} parameters may begin with `prop.`")));
    }
    given.into_iter().map(|(path, value)| Ok((read_path(&path)?, value))).collect()
}

/// The keys that lead to a property, from a text with dots between them.
pub(super) fn read_path(path: &str) -> Result<Vec<String>, Problem> {
    let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
    if keys.len() > PATH_KEYS_MAX || keys.iter().any(|key| key.is_empty() || key.contains('"')) {
        return Err(bad(format!(
            "after `prop.` comes 1 to {PATH_KEYS_MAX} keys with dots between them, none empty, none with quotes"
        )));
    }
    Ok(keys)
}
