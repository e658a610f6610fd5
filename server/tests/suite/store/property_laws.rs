//! The laws of properties: filters, counts and SQL compare the same values, on every backend.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    Aggregate, AggregateQuery, COUNTS_MAX, Calendar, CanonicalJson, EventFilter, EventIdentity,
    EventQuery, Grouping, PropertyCondition, PropertyPath, SqlQuery, Storage,
};
use proptest::prelude::*;

use crate::process::from_env;
use crate::store::backend::Backend;
use crate::store::sample::{NOW, good_with, plan, shared};

crate::laws!(
    rows_of_earlier_versions_with_cut_emoji_are_read_as_valid_unicode;
    properties: what_is_found_and_counted_is_what_a_model_says
);

fn everything() -> EventFilter {
    EventFilter { from_ms: Some(NOW), to_ms: Some(NOW + WEEK_MS), ..EventFilter::default() }
}

/// Stores an event with each of these `properties`, named by their place.
async fn store(storage: &Storage, properties: impl IntoIterator<Item = &str>) {
    let event = |(at, json): (usize, &str)| {
        let change = |it: &mut lamplight_server::store::EventColumns| {
            it.properties_json = Some(json.to_owned());
        };
        (EventIdentity::Anonymous, good_with(&at.to_string(), change))
    };
    let events = properties.into_iter().enumerate().map(event).collect();
    storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
}

/// The places of the events that have a property.
async fn found(storage: &Storage, condition: PropertyCondition) -> Vec<usize> {
    let filter = EventFilter { properties: vec![condition], ..everything() };
    let query = EventQuery { filter, after: None, limit: 500 };
    let page = storage.reader.events(query).await.unwrap();
    let mut places: Vec<usize> =
        page.events.iter().map(|event| event.name.parse().unwrap()).collect();
    places.sort_unstable();
    places
}

async fn counted(storage: &Storage, path: &PropertyPath) -> Aggregate {
    let by = Grouping::Property(path.clone());
    storage
        .reader
        .aggregate(AggregateQuery {
            filter: everything(),
            by,
            calendar: Calendar::default(),
            counts_max: COUNTS_MAX,
        })
        .await
        .unwrap()
}

async fn rows_of_earlier_versions_with_cut_emoji_are_read_as_valid_unicode(
    Backend { storage, .. }: Backend,
) {
    let cut = r#"{"x":"cut \ud83d","k\ude00":1,"ok":"\ud83d\ude00"}"#;
    let change = |it: &mut lamplight_server::store::EventColumns| {
        it.properties_json = Some(cut.into());
        it.context_json = Some(r#"{"\ud83d":1}"#.into());
        it.monitor_json = Some(r#"{"tags":{"a":"\ud83d"}}"#.into());
    };
    let events = vec![(EventIdentity::Anonymous, good_with("0", change))];
    storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    let query = EventQuery { filter: everything(), after: None, limit: 5 };
    let row = storage.reader.events(query).await.unwrap().events.remove(0);
    let want = r#"{"x":"cut \ufffd","k\ufffd":1,"ok":"\ud83d\ude00"}"#;
    assert_eq!(row.properties_json.as_deref(), Some(want));
    assert_eq!(row.context_json.as_deref(), Some(r#"{"\ufffd":1}"#));
    assert_eq!(row.monitor_json.as_deref(), Some(r#"{"tags":{"a":"\ufffd"}}"#));
    for (key, value) in [("x", "cut \u{fffd}"), ("k\u{fffd}", "1"), ("ok", "\u{1f600}")] {
        let condition = PropertyCondition {
            path: PropertyPath::from_iter([key]),
            value: CanonicalJson::written(value),
        };
        let counts = counted(&storage, &condition.path).await;
        assert_eq!(counts.rows, [(condition.value.clone(), 1)]);
        assert_eq!(found(&storage, condition).await, [0], "{key}");
    }
}

/// What a JSON value is, however it is spelled.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Model {
    Null,
    Bool(bool),
    /// The first times ten to the power of the second.
    Number(i64, i32),
    Text(String),
    Array(Vec<Model>),
    Object(BTreeMap<String, Model>),
}

impl Model {
    fn number(mut mantissa: i64, mut exponent: i32) -> Self {
        while mantissa != 0 && mantissa % 10 == 0 {
            (mantissa, exponent) = (mantissa / 10, exponent + 1);
        }
        Self::Number(mantissa, if mantissa == 0 { 0 } else { exponent })
    }

    fn at(&self, keys: &[String]) -> Option<&Self> {
        let found = keys.iter().try_fold(self, |value, key| match value {
            Self::Object(members) => members.get(key),
            Self::Array(elements) => {
                let at = (0..elements.len()).find(|at| at.to_string() == *key)?;
                elements.get(at)
            }
            _ => None,
        });
        found.filter(|value| **value != Self::Null)
    }
}

/// A value, and one of its spellings.
type Spelled = (String, Model);

fn number() -> impl Strategy<Value = Spelled> {
    let mantissa = prop_oneof![-30i64..30, any::<i64>(), Just(9_007_199_254_740_993)];
    (mantissa, -3i32..4, 0usize..4).prop_map(|(mantissa, exponent, zeros)| {
        let spelled = match exponent {
            0 if zeros == 0 => mantissa.to_string(),
            0 => format!("{mantissa}.{}", "0".repeat(zeros)),
            _ => format!("{mantissa}{}e{exponent}", [".0", "", ".000", ""][zeros]),
        };
        (spelled, Model::number(mantissa, exponent))
    })
}

fn text(of: impl Strategy<Value = String>) -> impl Strategy<Value = (String, String)> {
    (of, any::<bool>()).prop_map(|(text, escaped)| {
        let plain = serde_json::to_string(&text).unwrap();
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
        let spelled = if escaped { format!("\"{}\"", units.collect::<String>()) } else { plain };
        (spelled, text)
    })
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "", "a.b", "q\"", "\\", "0", "1", "é'", "n\0"])
        .prop_map(str::to_owned)
}

fn leaf() -> impl Strategy<Value = Spelled> {
    let words = prop::sample::select(vec!["1", "true", "null", "", "pro", "\u{1f600}\0", "1.0"]);
    prop_oneof![
        2 => number(),
        2 => text(words.prop_map(str::to_owned)).prop_map(|(json, text)| (json, Model::Text(text))),
        1 => any::<bool>().prop_map(|is| (is.to_string(), Model::Bool(is))),
        1 => Just(("null".to_owned(), Model::Null)),
    ]
}

fn object(value: impl Strategy<Value = Spelled>) -> impl Strategy<Value = Spelled> {
    // Names repeat, and then the last one counts.
    prop::collection::vec((text(key()), value), 0..5).prop_map(|members| {
        let list: Vec<String> =
            members.iter().map(|((name, _), (json, _))| format!("{name} :{json}")).collect();
        let members = members.into_iter().map(|((_, name), (_, value))| (name, value));
        (format!("{{ {} }}", list.join(",\n")), Model::Object(members.collect()))
    })
}

fn value() -> impl Strategy<Value = Spelled> {
    leaf().prop_recursive(3, 20, 4, |inner| {
        let elements = prop::collection::vec(inner.clone(), 0..3).prop_map(|elements| {
            let (texts, models): (Vec<String>, Vec<Model>) = elements.into_iter().unzip();
            (format!("[{}]", texts.join(" , ")), Model::Array(models))
        });
        prop_oneof![elements, object(inner)]
    })
}

/// A path as people write it.
fn written(keys: &[String]) -> String {
    let key = |key: &String| match key.as_str() {
        "" => "\"\"".to_owned(),
        key => key.chars().flat_map(|letter| ['\\', letter]).collect(),
    };
    keys.iter().map(key).collect::<Vec<_>>().join(".")
}

/// The counts that a statement gives with the function `property`.
async fn counted_by_sql(storage: &Storage, path: &str) -> HashMap<Option<String>, u64> {
    let path = path.replace('\'', "''").replace('\0', "'||char(0)||'");
    let query = SqlQuery {
        sql: format!("SELECT property(properties, '{path}'), count(*) FROM events GROUP BY 1"),
        filter: everything(),
        rows_max: 1_000,
        bytes_max: 1 << 20,
        time_max: Duration::from_mins(1),
    };
    let table = storage.reader.sql(query).await.unwrap().unwrap();
    let rows: Vec<Vec<serde_json::Value>> = serde_json::from_str(&table.rows_json).unwrap();
    let count = |row: Vec<serde_json::Value>| (row[0].as_str().map(str::to_owned), row[1].as_u64());
    rows.into_iter().map(count).map(|(key, count)| (key, count.unwrap())).collect()
}

async fn check(storage: &Storage, documents: &[Spelled], keys: &[String], wanted: &[Spelled]) {
    let path: PropertyPath = keys.iter().cloned().collect();
    assert_eq!(PropertyPath::parse(&written(keys)).as_ref(), Ok(&path));
    let mut want: BTreeMap<Option<&Model>, Vec<usize>> = BTreeMap::new();
    for (at, (_, model)) in documents.iter().enumerate() {
        want.entry(model.at(keys)).or_default().push(at);
    }
    let counts = counted(storage, &path).await;
    assert_eq!(counts.rows.len(), want.len(), "{keys:?}: {:?}", counts.rows);
    for (value, count) in &counts.rows {
        // What a count shows finds just the events that were counted, as text and as it is.
        let text = value.as_ref().map_or("null", CanonicalJson::as_str);
        assert_eq!(&CanonicalJson::written(text), value);
        let condition = PropertyCondition { path: path.clone(), value: value.clone() };
        let places = found(storage, condition).await;
        assert_eq!(places.len() as u64, *count, "{keys:?} {text}");
        assert!(want.values().any(|want| *want == places), "{keys:?} {text}: {places:?}");
    }
    for (spelled, model) in wanted {
        let value = CanonicalJson::written(spelled);
        let condition = PropertyCondition { path: path.clone(), value };
        let model = Some(model).filter(|model| **model != Model::Null);
        let places = want.get(&model).cloned().unwrap_or_default();
        assert_eq!(found(storage, condition).await, places, "{keys:?} {spelled}");
    }
}

/// How many cases run on each backend, unless `PROPTEST_CASES` says so.
const CASES: u32 = 24;

fn config() -> ProptestConfig {
    let cases = from_env("PROPTEST_CASES", CASES);
    // Each case takes a database, so a failure is shown before it is as small as can be.
    let max_shrink_time = 20_000;
    let source_file = Some(file!());
    ProptestConfig { source_file, max_shrink_time, ..ProptestConfig::with_cases(cases) }
}

/// What events have as properties.
fn documents() -> impl Strategy<Value = Vec<Spelled>> {
    prop::collection::vec(object(value()), 1..25)
}

fn paths() -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec(key(), 1..3), 1..5)
}

fn block_on(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(work);
}

fn what_is_found_and_counted_is_what_a_model_says(open: impl AsyncFn() -> Backend) {
    let wanted = prop::collection::vec(value(), 0..6);
    proptest!(config(), |(documents in documents(), paths in paths(), wanted in wanted)| {
        block_on(async {
            let Backend { storage, .. } = &open().await;
            store(storage, documents.iter().map(|(json, _)| json.as_str())).await;
            for keys in &paths {
                check(storage, &documents, keys, &wanted).await;
            }
        });
    });
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn statements_count_what_the_console_does(documents in documents(), paths in paths()) {
        block_on(async {
            let Backend { storage, .. } = &Backend::sqlite().await;
            store(storage, documents.iter().map(|(json, _)| json.as_str())).await;
            for keys in &paths {
                let path: PropertyPath = keys.iter().cloned().collect();
                let rows = counted(storage, &path).await.rows;
                let want = rows.into_iter().map(|(key, count)| (key.map(|it| it.to_string()), count));
                let by_sql = counted_by_sql(storage, &written(keys)).await;
                assert_eq!(by_sql, want.collect(), "{keys:?}");
            }
        });
    }

    #[test]
    fn the_model_has_the_shape_that_a_json_library_reads(
        (json, model) in object(value()),
        keys in prop::collection::vec(key(), 1..4),
    ) {
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        let pointer = format!("/{}", keys.join("/"));
        let is_there = read.pointer(&pointer).is_some_and(|value| !value.is_null());
        prop_assert_eq!(model.at(&keys).is_some(), is_there, "{} in {}", pointer, json);
        let path: PropertyPath = keys.into_iter().collect();
        prop_assert_eq!(path.value(Some(&json)).is_some(), is_there);
    }
}
