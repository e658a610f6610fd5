//! Enrichers: what the server adds to an event.
//!
//! Each is a small pure step. Its result is a member of a separate column; what was received never
//! changes. An enricher that fails adds a message to the member `errors`, and the event is stored.
//! The user's profile depends on earlier events, so it is added when the payload is applied: see
//! `store::Profile`.

mod agent;
mod campaign;
mod geo;

use serde_json::{Map, Value};

use crate::store::{EventColumns, PayloadMetadata};

pub use geo::{Geo, GeoError};

/// The enrichers, as configured.
#[derive(Debug, Default)]
pub struct Enrichers {
    /// The locations of networks, if a file is configured.
    pub geo: Option<Geo>,
    /// Properties that every event gets.
    pub fixed: Map<String, Value>,
}

/// What is added to every event of one payload.
#[derive(Debug)]
pub struct Shared {
    members: Map<String, Value>,
    /// The last context of an event, and what is added to an event that has nothing else. Events of
    /// one page mostly have the same.
    last: Option<(Option<String>, Option<String>)>,
}

impl Enrichers {
    /// What the request and the configuration give: the same for all events of a payload.
    pub fn shared(&self, metadata: &PayloadMetadata) -> Shared {
        let mut members = Map::new();
        let mut errors = Map::new();
        if !self.fixed.is_empty() {
            members.insert("fixed".into(), Value::Object(self.fixed.clone()));
        }
        if let Some(text) = &metadata.user_agent {
            keep(&mut members, &mut errors, "agent", agent::read(text));
        }
        if let Some((geo, client)) = self.geo.as_ref().zip(metadata.client.as_deref()) {
            keep(&mut members, &mut errors, "geo", geo.find(client));
        }
        if !errors.is_empty() {
            members.insert("errors".into(), Value::Object(errors));
        }
        Shared { members, last: None }
    }

    /// All that is added to one event, as JSON. `doubts` are members about how it was read.
    pub fn enrich(
        &self,
        shared: &mut Shared,
        columns: &EventColumns,
        doubts: Map<String, Value>,
    ) -> Option<String> {
        let properties = columns.properties_json.as_deref();
        let is_of_context = doubts.is_empty() && !properties.is_some_and(campaign::may_be_in);
        if is_of_context
            && let Some((context, json)) = &shared.last
            && *context == columns.context_json
        {
            return json.clone();
        }
        let mut members = shared.members.clone();
        members.extend(campaign::read(columns));
        members.extend(doubts);
        let json = text(&members);
        if is_of_context {
            shared.last = Some((columns.context_json.clone(), json.clone()));
        }
        json
    }
}

fn keep(
    members: &mut Map<String, Value>,
    errors: &mut Map<String, Value>,
    name: &str,
    found: Result<Option<Value>, String>,
) {
    match found {
        Ok(Some(value)) => drop(members.insert(name.into(), value)),
        Ok(None) => {}
        Err(error) => drop(errors.insert(name.into(), error.into())),
    }
}

fn text(members: &Map<String, Value>) -> Option<String> {
    if members.is_empty() { None } else { serde_json::to_string(members).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Encoding, PayloadId};
    use lamplight_wire::event::Kind;
    use proptest::prelude::*;

    fn metadata(agent: Option<&str>, client: Option<&str>) -> PayloadMetadata {
        PayloadMetadata {
            id: PayloadId(uuid::Uuid::nil()),
            received_ms: 0,
            key_id: String::new(),
            source: "web".into(),
            encoding: Encoding::Identity,
            events: 1,
            unpacked_bytes: 2,
            user_agent: agent.map(str::to_owned),
            origin: None,
            client: client.map(str::to_owned),
        }
    }

    fn event(context: Option<&str>) -> EventColumns {
        EventColumns {
            kind: Kind::Default,
            name: "page".into(),
            ts_ms: None,
            time_ms: 0,
            user_id: None,
            anonymous_id: None,
            session: None,
            properties_json: None,
            context_json: context.map(str::to_owned),
            monitor_json: None,
            enrichment_json: None,
        }
    }

    fn added(enrichers: &Enrichers, metadata: &PayloadMetadata, event: &EventColumns) -> Value {
        let text = enrichers.enrich(&mut enrichers.shared(metadata), event, Map::new());
        text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn an_event_without_details_gets_no_enrichment() {
        let added = added(&Enrichers::default(), &metadata(None, None), &event(None));
        assert_eq!(added, Value::Null);
    }

    #[test]
    fn each_enricher_adds_its_own_member() {
        let fixed = serde_json::json!({ "release": "7" }).as_object().unwrap().clone();
        let enrichers = Enrichers { fixed, geo: None };
        let context = r#"{"referrer":"https://a.example/x","page":{"url":"https://b.example/?utm_source=s"}}"#;
        let added = added(&enrichers, &metadata(Some("curl/8.0"), None), &event(Some(context)));
        assert_eq!(added["fixed"], serde_json::json!({ "release": "7" }));
        assert_eq!(added["referrer"]["host"], "a.example");
        assert_eq!(added["utm"], serde_json::json!({ "source": "s" }));
        assert_eq!(added["errors"], Value::Null);
    }

    #[test]
    fn an_enricher_that_fails_adds_an_error_and_the_others_still_run() {
        let enrichers = Enrichers { geo: Some(geo::tests::geo()), ..Enrichers::default() };
        let context = event(Some(r#"{"referrer":"https://a.example/"}"#));
        let added = added(&enrichers, &metadata(None, Some("not a network")), &context);
        assert!(added["errors"]["geo"].as_str().unwrap().contains("network"), "{added}");
        assert_eq!(added["referrer"]["host"], "a.example");
    }

    #[test]
    fn what_an_event_gets_does_not_depend_on_the_events_before_it() {
        let (enrichers, metadata) = (Enrichers::default(), metadata(Some("curl/8.0"), None));
        let contexts = [
            None,
            Some(r#"{"referrer":"https://a.example/"}"#),
            Some(r#"{"referrer":"https://b.example/"}"#),
        ];
        let properties = [None, Some(r#"{"url":"https://c.example/?utm_term=t"}"#), Some("{}")];
        let doubts = [Map::new(), Map::from_iter([("time".to_owned(), Value::Bool(true))])];
        let mut events = Vec::new();
        for (context, properties) in
            contexts.into_iter().flat_map(|it| properties.map(|that| (it, that)))
        {
            let properties_json = properties.map(str::to_owned);
            let columns = EventColumns { properties_json, ..event(context) };
            events.extend(doubts.iter().map(|doubts| (columns.clone(), doubts.clone())));
        }
        let mut shared = enrichers.shared(&metadata);
        let orders = events.iter().chain(events.iter().rev()).chain(events.iter().step_by(2));
        for (columns, doubts) in orders {
            let alone = enrichers.enrich(&mut enrichers.shared(&metadata), columns, doubts.clone());
            let after = enrichers.enrich(&mut shared, columns, doubts.clone());
            assert_eq!(after, alone, "{columns:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_and_no_context_makes_an_event_fail(agent in ".*", client in ".*", context in ".*") {
            let enrichers = Enrichers { geo: Some(geo::tests::geo()), ..Enrichers::default() };
            let metadata = metadata(Some(&agent), Some(&client));
            let _ = added(&enrichers, &metadata, &event(Some(&context)));
        }
    }
}
