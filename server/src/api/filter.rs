//! The query parameters that select events, which lists, counts and the live view share.

use lamplight_wire::Producer;
use lamplight_wire::event::Kind;

use super::params::{PRODUCER, PRODUCER_ID, Params, SOURCE, invalid, invalid_value};
use super::span::Span;
use crate::http::problem::Problem;
use crate::openapi::{Form, Param};
use crate::store::{CanonicalJson, EventFilter, PropertyCondition, PropertyPath};

/// Most properties that one request may filter by.
const PROPERTIES_MAX: usize = 8;
/// The parameters that select events by what they are.
pub(crate) const FILTER: &[Param] = &[
    Param::new("name", Form::Text, "Only events with this name").example("order_paid"),
    Param::new(
        "type",
        Form::OneOf(&["default", "critical", "monitor"]),
        "Only events of this type",
    ),
    SOURCE,
    Param::new("user", Form::Text, "Only events of the user with this id"),
    PRODUCER_ID,
    Param::new(
        "properties",
        Form::Prefixed { prefix: "prop.", count_max: PROPERTIES_MAX },
        "Only events with these properties: `prop.<path>=<value>`. A path is the keys that lead to a \
         property, with dots between them. A value is JSON, or text if it is not JSON",
    )
    .example("prop.plan=pro"),
];

/// Takes the filter from `params`, and the span of time in it.
pub(crate) fn read(params: &mut Params) -> Result<(EventFilter, Span), Problem> {
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

fn properties(given: Vec<(String, String)>) -> Result<Vec<PropertyCondition>, Problem> {
    if given.len() > PROPERTIES_MAX {
        return Err(invalid(format!(
            "{} query parameters begin with `prop.`: send at most {PROPERTIES_MAX}",
            given.len()
        )));
    }
    let condition = |(path, value): (String, String)| {
        Ok(PropertyCondition { path: read_path(&path)?, value: CanonicalJson::written(&value) })
    };
    given.into_iter().map(condition).collect()
}

/// The path to a property, which has dots between its keys.
pub(crate) fn read_path(path: &str) -> Result<PropertyPath, Problem> {
    PropertyPath::parse(path)
        .map_err(|expected| invalid_value("prop.<path>", path, &expected.to_string()))
}
