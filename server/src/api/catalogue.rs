//! `GET /api/catalogue` and `GET /api/catalogue/properties`.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Reader;
use super::buckets::BucketsJson;
use super::cost::List;
use super::json::JsonResponse;
use super::params::{CURSOR, LIMIT, Params, SOURCE, invalid};
use crate::app::App;
use crate::http::problem::{Problem, quoted};
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::{
    CatalogueCursor, CatalogueName, CataloguePage, CatalogueQuery, NameProperties, PropertyFact,
    PropertyType, StoreError,
};

/// A page of names of events, by source and name.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "CataloguePage")]
pub struct CatalogueJson {
    /// The names.
    pub names: Vec<NameJson>,
    /// The `cursor` of the next page.
    pub next: Option<String>,
}

/// A name of events of a source.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "CatalogueName")]
pub struct NameJson {
    /// The source.
    pub source: String,
    /// The name. Empty if `overflow` is true.
    pub name: String,
    /// Whether this stands for all names of the source for which there was no room.
    pub overflow: bool,
    /// Events of all time, also those that retention has removed.
    pub count: i64,
    /// When the first was received, in milliseconds since 1970.
    pub first_seen: i64,
    /// When the last was received.
    pub last_seen: i64,
    /// When how many were received.
    pub received: BucketsJson,
}

/// The properties of a name.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "CatalogueProperties")]
pub struct PropertiesJson {
    /// The name.
    pub name: NameJson,
    /// How many events the counts are of: the first 100, and one in 64 after that.
    pub sampled: u64,
    /// How often a property of them had no room.
    pub left_out: u64,
    /// The properties, by path.
    pub properties: Vec<PropertyJson>,
}

/// A property.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "CatalogueProperty")]
pub struct PropertyJson {
    /// Where it is, as `prop.` filters name it.
    pub path: String,
    /// How many of the sampled events have it.
    pub count: u64,
    /// How many have it with which type, most first.
    pub types: Vec<TypeJson>,
    /// A few of its values, each at most 64 characters.
    pub examples: Vec<String>,
    /// When it was first received, in milliseconds since 1970.
    pub first_seen: i64,
    /// When it was last received.
    pub last_seen: i64,
}

/// A type of a property.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PropertyTypeCount")]
pub struct TypeJson {
    /// The type.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["string", "number", "boolean", "null", "object", "array"]))]
    pub kind: &'static str,
    /// How many events.
    pub count: u64,
}

impl NameJson {
    fn new(name: CatalogueName, now_ms: i64) -> Self {
        let CatalogueName { source, name, counts } = name;
        Self {
            overflow: name.is_empty(),
            source,
            name,
            count: counts.total(),
            first_seen: counts.first_ms,
            last_seen: counts.last_ms,
            received: BucketsJson::new(&counts, now_ms),
        }
    }
}

impl PropertyJson {
    fn new((path, fact): (String, PropertyFact)) -> Self {
        let counts = PropertyType::ALL.into_iter().zip(fact.types).filter(|(_, count)| *count > 0);
        let mut types: Vec<_> =
            counts.map(|(kind, count)| TypeJson { kind: kind.name(), count }).collect();
        types.sort_by_key(|it| std::cmp::Reverse(it.count));
        Self {
            path,
            count: fact.count(),
            types,
            examples: fact.examples.into_iter().map(|(text, _)| text).collect(),
            first_seen: fact.first_ms,
            last_seen: fact.last_ms,
        }
    }
}

/// Reads a page of names.
///
/// # Errors
/// [`StoreError`].
pub async fn read_names(app: &App, query: CatalogueQuery) -> Result<CatalogueJson, StoreError> {
    let now_ms = app.clock.now_ms();
    let CataloguePage { names, next } = app.storage.tallies.names(query).await?;
    Ok(CatalogueJson {
        names: names.into_iter().map(|name| NameJson::new(name, now_ms)).collect(),
        next: next.map(|it| write_cursor(&it)),
    })
}

/// Reads the properties of a name. `None` if no event of the source has it.
///
/// # Errors
/// [`StoreError`].
pub async fn read_properties(
    app: &App,
    source: String,
    name: String,
) -> Result<Option<PropertiesJson>, StoreError> {
    let now_ms = app.clock.now_ms();
    let found = app.storage.tallies.properties(source, name).await?;
    Ok(found.map(|NameProperties { name, facts }| PropertiesJson {
        name: NameJson::new(name, now_ms),
        sampled: facts.sampled,
        left_out: facts.left_out,
        properties: facts.properties.into_iter().map(PropertyJson::new).collect(),
    }))
}

/// A cursor: how long the source is in bytes, the source, and the name.
fn write_cursor(cursor: &CatalogueCursor) -> String {
    format!("{}-{}{}", cursor.source.len(), cursor.source, cursor.name)
}

/// Reads the `next` of a page.
pub(crate) fn read_cursor(text: &str) -> Option<CatalogueCursor> {
    let (length, rest) = text.split_once('-')?;
    let (source, name) = rest.split_at_checked(length.parse().ok()?)?;
    Some(CatalogueCursor { source: source.to_owned(), name: name.to_owned() })
}

/// Describes [`catalogue`].
pub const CATALOGUE: Operation =
    Operation::new(Group::Query, "listNames", "List names of events, with counts over time")
        .about(
            "The names of events of each source, by source and name: when each was first and last received, how \
             often, and how often in each of the last 60 minutes, 48 hours and 90 days. The counts are exact, and \
             reading them looks at no event.",
        )
        .query(&[&[
            SOURCE,
            Param::new("name", Form::Text, "Only this name"),
            Param::new("prefix", Form::Text, "Only names that begin like this").example("page"),
            LIMIT,
            CURSOR,
        ]]);

/// `GET /api/catalogue`: names of events.
pub async fn catalogue(
    _: Reader<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse<CatalogueJson>, Problem> {
    let query = CatalogueQuery {
        source: params.text("source"),
        name: params.text("name"),
        prefix: params.text("prefix"),
        after: params.value("cursor", "the `next` of a page with the same filters", read_cursor)?,
        limit: params.limit()?,
    };
    params.finish(CATALOGUE.query)?;
    JsonResponse::new(&read_names(&app, query).await?)
}

/// Describes [`properties`].
pub const PROPERTIES: Operation =
    Operation::new(Group::Query, "listProperties", "List the properties of a name of events")
        .about(
            "Which properties events with this name have: their types, a few values of each, and when they were first \
             and last received. The counts are of a sample: the first 100 events of the name, and one in 64 after \
             that.",
        )
        .query(&[&[
            Param::new("source", Form::Text, "The source").required().example("web"),
            Param::new("name", Form::Text, "The name of the events").required().example("order_paid"),
        ]])
        .problems(&["not_found"]);

/// `GET /api/catalogue/properties`: the properties of a name.
pub async fn properties(
    _: Reader<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse<PropertiesJson>, Problem> {
    let (source, name) = (params.text("source"), params.text("name"));
    params.finish(PROPERTIES.query)?;
    let (Some(source), Some(name)) = (source, name) else {
        return Err(invalid("name one event: send `source` and `name`".to_owned()));
    };
    let missing = format!(
        "source {} has no event with the name {}: see GET /api/catalogue for the names there are",
        quoted(&source),
        quoted(&name)
    );
    match read_properties(&app, source, name).await? {
        Some(found) => JsonResponse::new(&found),
        None => Err(Problem::not_found(missing)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_was_written(source in "\\PC{0,20}", name in "\\PC{0,20}") {
            let cursor = CatalogueCursor { source, name };
            prop_assert_eq!(read_cursor(&write_cursor(&cursor)), Some(cursor));
        }

        #[test]
        fn any_text_is_a_cursor_or_not_without_a_panic(text in "\\PC{0,20}") {
            let _ = read_cursor(&text);
        }
    }
}
