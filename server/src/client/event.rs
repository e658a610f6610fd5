//! Events as the API shows them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A page of events.
#[derive(Debug, Deserialize)]
pub struct EventPage {
    /// The events, each as its JSON text.
    pub events: Vec<Box<RawValue>>,
    /// The cursor of the next page, if there may be more.
    pub next: Option<String>,
}

/// The user of an event.
#[derive(Debug, Default, Deserialize)]
pub struct EventUser<'a> {
    /// A known user.
    #[serde(borrow)]
    pub id: Option<Cow<'a, str>>,
    /// The random name of an unknown one.
    #[serde(borrow)]
    pub anonymous_id: Option<Cow<'a, str>>,
}

/// An event, as far as commands show it.
#[derive(Debug, Deserialize)]
pub struct Event<'a> {
    /// The id of its row.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// The id that its client knows.
    #[serde(borrow)]
    pub event_id: Cow<'a, str>,
    /// Its name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Its type.
    #[serde(borrow)]
    pub r#type: Cow<'a, str>,
    /// Its source.
    #[serde(borrow)]
    pub source: Cow<'a, str>,
    /// When it happened, in milliseconds since 1970.
    pub time: i64,
    /// When it was received.
    pub received: i64,
    /// Its user.
    #[serde(borrow)]
    pub user: Option<EventUser<'a>>,
    /// Its session.
    #[serde(borrow)]
    pub session: Option<Cow<'a, str>>,
    /// Its producer.
    #[serde(borrow)]
    pub producer: Option<Cow<'a, str>>,
    /// Its sequence number.
    pub seq: Option<u64>,
    /// What the client sent, as JSON text.
    #[serde(borrow)]
    pub properties: Option<&'a RawValue>,
    /// Where it happened, as JSON text.
    #[serde(borrow)]
    pub context: Option<&'a RawValue>,
    /// What it measured, as JSON text.
    #[serde(borrow)]
    pub monitor: Option<&'a RawValue>,
    /// What the server added, as JSON text.
    #[serde(borrow)]
    pub enrichment: Option<&'a RawValue>,
    /// What is known of its user, as JSON text.
    #[serde(borrow)]
    pub profile: Option<&'a RawValue>,
}

impl Event<'_> {
    /// The user by whichever name there is.
    pub fn user_name(&self) -> Option<&str> {
        let user = self.user.as_ref()?;
        user.id.as_deref().or(user.anonymous_id.as_deref())
    }
}

/// JSON text on one line. A line break can only be between values.
pub fn on_one_line(json: &RawValue) -> Cow<'_, str> {
    match json.get() {
        "null" => Cow::Borrowed(""),
        text if text.contains(['\n', '\r']) => Cow::Owned(text.replace(['\n', '\r'], " ")),
        text => Cow::Borrowed(text),
    }
}
