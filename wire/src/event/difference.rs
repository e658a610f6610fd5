//! What is stored of an event differently from how it was sent.

use std::borrow::Cow;

use super::read::FIELDS;
use super::{Event, EventIdentity};
use crate::json;

/// A member of an event that is not stored as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference<'a> {
    /// The member, with a dot inside `user`.
    pub member: &'static str,
    /// Its JSON as sent.
    pub sent_json: &'a str,
    /// What is stored, as JSON; `None` if nothing is.
    pub stored_json: Option<String>,
}

/// What distinguishes an event from its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences<'a> {
    /// Members that are stored differently.
    pub changed: Vec<Difference<'a>>,
    /// Members that have no meaning and are not stored.
    pub ignored: Vec<Cow<'a, str>>,
}

impl<'a> Differences<'a> {
    /// Compares an event with the text that it was read from.
    pub fn new(event: &Event<'_>, text: &'a str) -> Self {
        let [name, ts, properties, _, _, id, kind, user, session, context, monitor] =
            json::fields(text, FIELDS).unwrap_or_default();
        let [user_id, anonymous_id] = user
            .and_then(|user| json::fields(user, ["id", "anonymous_id"]).ok())
            .unwrap_or_default();
        let client_id = match &event.identity {
            EventIdentity::ClientId(id) => Some(id.as_ref()),
            EventIdentity::Numbered(..) | EventIdentity::Anonymous => None,
        };
        let texts = [
            ("name", name, Some(event.name.as_ref())),
            ("id", id, client_id),
            ("type", kind, Some(event.kind.name())),
            ("user.id", user_id, event.user.id.as_deref()),
            ("user.anonymous_id", anonymous_id, event.user.anonymous_id.as_deref()),
            ("session", session, event.session.as_deref()),
        ];
        let mut changed: Vec<Difference<'a>> = Vec::new();
        for (member, sent, stored) in texts {
            if let Some(sent_json) = sent
                && json::string(sent_json).as_deref() != stored
            {
                let stored_json = stored.map(json_string);
                changed.push(Difference { member, sent_json, stored_json });
            }
        }
        let ts_ms = event.ts.map(|ts| ts.ms.to_string());
        if let Some(sent_json) = ts.filter(|ts| Some(*ts) != ts_ms.as_deref()) {
            changed.push(Difference { member: "ts", sent_json, stored_json: ts_ms });
        }
        // An empty array in place of an object.
        for (member, sent) in
            [("properties", properties), ("user", user), ("context", context), ("monitor", monitor)]
        {
            if let Some(sent_json) = sent.filter(|sent| sent.starts_with('[')) {
                changed.push(Difference { member, sent_json, stored_json: None });
            }
        }
        let members = json::members(text).unwrap_or_default().into_iter();
        let ignored =
            members.map(|(name, _)| name).filter(|name| !FIELDS.contains(&name.as_ref())).collect();
        Self { changed, ignored }
    }
}

fn json_string(text: &str) -> String {
    let mut out = String::new();
    json::push_string(&mut out, text);
    out
}
