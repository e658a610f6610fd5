//! The query parameters that select events, which lists, counts and the live view share.

use lamplight_wire::Producer;
use lamplight_wire::event::Kind;

use super::params::{PRODUCER, Params, invalid, invalid_value};
use super::span::Span;
use crate::http::problem::Problem;
use crate::store::EventFilter;

/// Most properties that one request may filter by.
const PROPERTIES_MAX: usize = 8;
/// Most keys in the path to a property.
const PATH_KEYS_MAX: usize = 16;

/// Takes the filter from `params`, and the span of time in it.
pub(super) fn read(params: &mut Params) -> Result<(EventFilter, Span), Problem> {
    let span = Span::read(params)?;
    let mut filter = EventFilter {
        name: params.text("name"),
        kind: params.value("type", "default, critical or monitor", |text| {
            [Kind::Default, Kind::Critical, Kind::Monitor]
                .into_iter()
                .find(|kind| kind.name() == text)
        })?,
        source: params.text("source"),
        user: params.text("user"),
        producer: params.value("producer", PRODUCER, Producer::parse)?,
        properties: properties(params.prefixed("prop."))?,
        ..EventFilter::default()
    };
    span.add_to(&mut filter);
    Ok((filter, span))
}

fn properties(given: Vec<(String, String)>) -> Result<Vec<(Vec<String>, String)>, Problem> {
    if given.len() > PROPERTIES_MAX {
        return Err(invalid(format!(
            "{} query parameters begin with `prop.`: send at most {PROPERTIES_MAX}",
            given.len()
        )));
    }
    given.into_iter().map(|(path, value)| Ok((read_path(&path)?, value))).collect()
}

/// The keys of the path to a property, which has dots between them.
pub(super) fn read_path(path: &str) -> Result<Vec<String>, Problem> {
    let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
    if keys.len() > PATH_KEYS_MAX || keys.iter().any(|key| key.is_empty() || key.contains('"')) {
        return Err(invalid_value(
            "prop.<path>",
            path,
            &format!("1 to {PATH_KEYS_MAX} keys with dots between them, each without quotes"),
        ));
    }
    Ok(keys)
}
