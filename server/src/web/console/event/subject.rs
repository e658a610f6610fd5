//! Which event a page is about.

use std::fmt::Write;

use lamplight_wire::Producer;

use crate::api::Trace;
use crate::store::{EventIdentity, PayloadId};

/// The tabs of the page.
const TABS: [(&str, &str); 4] = [
    ("properties", "Properties"),
    ("enrichment", "Enrichment"),
    ("raw", "Raw request"),
    ("neighbours", "Neighbours"),
];

/// The tabs of the page: the name and the title of each.
pub(super) const fn tabs() -> &'static [(&'static str, &'static str)] {
    &TABS
}

/// The event of a page.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject {
    /// The address of the page, without a query.
    pub(super) path: String,
    /// The source in the query of the page.
    pub(super) asked_source: Option<String>,
    /// The id that its client knows.
    pub(super) event_id: String,
    pub(super) row: Option<String>,
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) source: String,
    pub(super) user: Option<String>,
    pub(super) anonymous: Option<String>,
    pub(super) session: Option<String>,
    pub(super) number: Option<(Producer, u64)>,
    pub(super) payload: Option<PayloadId>,
    pub(super) index: u32,
    /// How many events arrived with it, itself included.
    pub(super) together: u32,
    pub(super) key: Option<String>,
    pub(super) encoding: Option<&'static str>,
    pub(super) user_agent: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) client: Option<String>,
}

impl Subject {
    pub(super) fn new(id: &str, asked_source: Option<String>, trace: &Trace) -> Self {
        let mut subject = Self { path: address(id), asked_source, ..Self::default() };
        let metadata = match trace {
            Trace::Stored { event, metadata, .. } => {
                let row = &event.row;
                subject.row = Some(row.id.to_string());
                subject.name = Some(row.name.clone());
                subject.kind = Some(row.kind.clone());
                subject.source.clone_from(&row.source);
                subject.user.clone_from(&row.user_id);
                subject.anonymous.clone_from(&row.anonymous_id);
                subject.session.clone_from(&row.session);
                subject.number = row.number;
                subject.event_id = known_as(row.number, row.event_id.as_deref(), row.id);
                (subject.payload, subject.index) = (Some(row.payload), row.index);
                metadata.clone()
            }
            Trace::Refused { event, metadata, .. } => {
                let content = event.content.clone().unwrap_or_default();
                subject.row = Some(event.id.to_string());
                (subject.name, subject.kind) = (content.name, content.kind);
                (subject.user, subject.anonymous) = (content.user_id, content.anonymous_id);
                subject.source.clone_from(&event.source);
                subject.number = event.number;
                subject.event_id = known_as(event.number, event.event_id.as_deref(), event.id);
                (subject.payload, subject.index) = (Some(event.payload), event.index);
                metadata.clone()
            }
            Trace::Waiting(event) => {
                if let Some(columns) = event.planned.columns() {
                    subject.name = Some(columns.name.clone());
                    subject.kind = Some(columns.kind.name().to_owned());
                    subject.user.clone_from(&columns.user_id);
                    subject.anonymous.clone_from(&columns.anonymous_id);
                    subject.session.clone_from(&columns.session);
                }
                subject.row = Some(event.planned.id.to_string());
                subject.source.clone_from(&event.metadata.source);
                if let EventIdentity::Numbered(producer, seq) = &event.planned.identity {
                    subject.number = Some((*producer, *seq));
                }
                subject.event_id = event.event_id();
                (subject.payload, subject.index) = (Some(event.metadata.id), event.planned.index);
                Some(event.metadata.clone())
            }
            Trace::Missing(event) => {
                subject.source.clone_from(&event.source);
                subject.number = Some((event.producer, event.seq));
                subject.event_id = format!("{}-{}", event.producer, event.seq);
                None
            }
        };
        if let Some(metadata) = metadata {
            subject.together = metadata.events;
            subject.key = Some(metadata.key_id);
            subject.encoding = Some(metadata.encoding.name());
            subject.user_agent = metadata.user_agent;
            subject.origin = metadata.origin;
            subject.client = metadata.client;
        }
        subject
    }

    /// The address of the page with this tab.
    pub(super) fn tab(&self, tab: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("tab", tab);
        if let Some(source) = &self.asked_source {
            query.append_pair("source", source);
        }
        format!("{}?{}", self.path, query.finish())
    }

    /// The page of its first arrival.
    pub(super) fn first_arrival(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let query = query.append_pair("source", &self.source).finish();
        format!("{}?{query}", address(&self.event_id))
    }

    /// The page that asks before its delivery to a sink is discarded.
    pub(super) fn discard_delivery(&self, sink: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("action", "discard").append_pair("sink", sink);
        query.append_pair("event", self.row.as_deref().unwrap_or_default());
        format!("/errors/confirm?{}", query.finish())
    }

    /// The query that finds it again, beside its path.
    pub(super) fn query(&self) -> String {
        self.asked_source.as_ref().map_or_else(String::new, |source| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            format!("?{}", query.append_pair("source", source).finish())
        })
    }
}

fn known_as(
    number: Option<(Producer, u64)>,
    client_id: Option<&str>,
    row: crate::store::RowId,
) -> String {
    match (number, client_id) {
        (Some((producer, seq)), _) => format!("{producer}-{seq}"),
        (None, Some(id)) => id.to_owned(),
        (None, None) => row.to_string(),
    }
}

/// The address of the page of an event.
pub(super) fn address(id: &str) -> String {
    let mut path = String::from("/events/");
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_any_id() {
        assert_eq!(address("a-1_b.~"), "/events/a-1_b.~");
        assert_eq!(address("a/b?\"é\0"), "/events/a%2Fb%3F%22%C3%A9%00");
    }
}
