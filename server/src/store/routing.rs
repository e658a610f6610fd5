//! Routes: which events a sink wants. Decided once, when an event's row is written. Pure.

use lamplight_wire::event::Kind;
use serde::Deserialize;

/// An event's name, or a prefix of it followed by `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(String);

impl NamePattern {
    /// The pattern with this text. A `*` that is not at the end stands for itself.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn matches(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => self.0 == name,
        }
    }
}

/// Which events one sink wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The sink's name in the configuration.
    pub sink: String,
    /// The sink's kind, for lists.
    pub kind: &'static str,
    /// Events of these types.
    pub types: Vec<Kind>,
    /// Only events whose name matches one of these. All names if empty.
    pub only: Vec<NamePattern>,
    /// Not events whose name matches one of these.
    pub except: Vec<NamePattern>,
}

impl Route {
    /// Whether the sink wants an event of this type and name.
    pub fn wants(&self, kind: Kind, name: &str) -> bool {
        let matches = |patterns: &[NamePattern]| patterns.iter().any(|it| it.matches(name));
        self.types.contains(&kind)
            && (self.only.is_empty() || matches(&self.only))
            && !matches(&self.except)
    }
}

/// Whether the event's context has the mark of Global Privacy Control (W3C,
/// `navigator.globalPrivacyControl`): the user opted out of sharing.
pub fn has_privacy_mark(context_json: Option<&str>) -> bool {
    #[derive(Deserialize)]
    struct Context {
        gpc: Option<bool>,
    }
    // Few contexts have the mark, and the others are not parsed. A `gpc` that is not a boolean
    // counts as the mark, because an event that was shared by mistake cannot be recalled.
    context_json.is_some_and(|json| {
        (json.contains("gpc") || json.contains('\\'))
            && serde_json::from_str::<Context>(json)
                .map_or(true, |context| context.gpc == Some(true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(types: &[Kind], only: &[&str], except: &[&str]) -> Route {
        let patterns =
            |texts: &[&str]| texts.iter().map(|text| NamePattern::new(*text)).collect::<Vec<_>>();
        Route {
            sink: "s".into(),
            kind: "file",
            types: types.to_vec(),
            only: patterns(only),
            except: patterns(except),
        }
    }

    #[test]
    fn an_event_goes_by_its_type_and_its_name() {
        let all = route(&[Kind::Default], &[], &[]);
        assert!(all.wants(Kind::Default, "a") && !all.wants(Kind::Critical, "a"));
        assert!(!all.wants(Kind::Monitor, "a"));
        let some = route(&[Kind::Default, Kind::Critical], &["paid", "cart_*"], &["cart_debug*"]);
        for (name, wanted) in
            [("paid", true), ("paid2", false), ("cart_add", true), ("cart_debug_x", false)]
        {
            assert_eq!(some.wants(Kind::Critical, name), wanted, "{name}");
        }
    }

    #[test]
    fn the_privacy_mark_is_seen_however_it_is_written() {
        for json in [r#"{"gpc":true}"#, r#"{"page":"/","\u0067pc": true}"#, r#"{"gpc":1}"#] {
            assert!(has_privacy_mark(Some(json)), "{json}");
        }
        for json in [r#"{"gpc":false}"#, r#"{"page":"/gpc"}"#, r#"{"x":{"gpc":true}}"#, "{}"] {
            assert!(!has_privacy_mark(Some(json)), "{json}");
        }
        assert!(!has_privacy_mark(None));
    }
}
