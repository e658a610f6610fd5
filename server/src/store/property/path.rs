//! Where a property is.

use std::borrow::Cow;

use lamplight_wire::json;
use lamplight_wire::limits::DEPTH_MAX;

use super::CanonicalJson;

/// The keys that lead to a property. In an object a key is the name of a member. In an array it is
/// the index of an element, in decimal without leading zeros, as in a JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PropertyPath(Vec<String>);

/// A path cannot be read. `Display` says what to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// There is nothing before or after a dot.
    #[error("a key on each side of every dot, and `\"\"` for a key that is empty")]
    KeyMissing,
    /// It ends with a backslash.
    #[error("a character after every backslash, and `\\\\` for a backslash")]
    EscapeCut,
    /// It has more keys than JSON has levels.
    #[error("at most {DEPTH_MAX} keys with dots between them")]
    TooLong,
}

impl PropertyPath {
    /// Reads keys with dots between them. A backslash makes the next character part of the key, and
    /// `""` is the empty key.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let (mut keys, mut key, mut is_plain) = (Vec::new(), String::new(), true);
        let mut letters = text.chars();
        loop {
            match letters.next() {
                Some('\\') => {
                    key.push(letters.next().ok_or(PathError::EscapeCut)?);
                    is_plain = false;
                }
                end @ (Some('.') | None) => {
                    match (key.as_str(), is_plain) {
                        ("", _) => return Err(PathError::KeyMissing),
                        ("\"\"", true) => keys.push(String::new()),
                        _ => keys.push(std::mem::take(&mut key)),
                    }
                    (key, is_plain) = (String::new(), true);
                    if end.is_none() {
                        break;
                    }
                }
                Some(letter) => key.push(letter),
            }
        }
        if keys.len() > DEPTH_MAX { Err(PathError::TooLong) } else { Ok(Self(keys)) }
    }

    /// The property's value in a `properties` object; `None` if it is absent or `null`.
    pub fn value(&self, properties_json: Option<&str>) -> Option<CanonicalJson> {
        let json = json::valid_unicode(properties_json?);
        self.find(&json).map(CanonicalJson::of)
    }

    /// The text of [`Self::value`], copied only if it is spelled in another way.
    pub fn canonical<'a>(&self, properties_json: Option<&'a str>) -> Option<Cow<'a, str>> {
        match json::valid_unicode(properties_json?) {
            Cow::Borrowed(json) => self.find(json).map(CanonicalJson::text_of),
            Cow::Owned(json) => {
                self.find(&json).map(|found| Cow::Owned(CanonicalJson::text_of(found).into_owned()))
            }
        }
    }

    /// The JSON of the property in an object with valid Unicode; `None` if there is none, or it is
    /// `null`. Of members with the same name the last one counts.
    pub(super) fn find<'a>(&self, object_json: &'a str) -> Option<&'a str> {
        let found = self.0.iter().try_fold(object_json, |json, key| {
            if json.starts_with('[') { element(json, key) } else { member(json, key) }
        });
        found.filter(|json| *json != "null")
    }
}

impl<K: Into<String>> FromIterator<K> for PropertyPath {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        Self(keys.into_iter().map(Into::into).collect())
    }
}

fn member<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let [found] = json::fields(json, [key]).ok()?;
    found
}

fn element<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let index: usize = key.parse().ok()?;
    // "00", "+1" and the like are no indexes.
    (index.to_string() == key).then(|| json::elements(json).ok()?.get(index).copied())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find<'a>(path: &str, json: &'a str) -> Option<&'a str> {
        PropertyPath::parse(path).unwrap().find(json)
    }

    #[test]
    fn a_path_leads_through_objects_and_arrays() {
        let json = r#"{"a":{"b":[1,{"c":"x"},null]},"a.b":2,"":{"":3},"q\"":4,"\\":5,"\"\"":6,"n":null,
            "twice":{"x":1},"twice":{"y":2},"o":{"0":"zero"}}"#;
        for (path, want) in [
            ("a.b.0", Some("1")),
            ("a.b.1.c", Some("\"x\"")),
            ("a.b.2", None),
            ("a.b.3", None),
            ("a.b.01", None),
            ("a.b.+1", None),
            ("a.b.c", None),
            ("a.b.1.c.d", None),
            (r"a\.b", Some("2")),
            (r"\a.b.0", Some("1")),
            (r#""".""#, None),
            (r#""""#, Some(r#"{"":3}"#)),
            (r#"""."""#, Some("3")),
            (r#"q""#, Some("4")),
            (r"\\", Some("5")),
            (r#"\"""#, Some("6")),
            ("n", None),
            ("twice.x", None),
            ("twice.y", Some("2")),
            ("o.0", Some("\"zero\"")),
            ("none", None),
        ] {
            assert_eq!(find(path, json), want, "{path}");
        }
        for json in ["", "{", "[1]", "7", "nothing", "{\"a\":"] {
            assert_eq!(find("a", json), None, "{json}");
        }
    }

    #[test]
    fn a_path_that_cannot_be_meant_is_refused() {
        for path in ["", ".", "a.", ".a", "a..b"] {
            assert_eq!(PropertyPath::parse(path), Err(PathError::KeyMissing), "{path}");
        }
        for path in ["\\", "a.b\\"] {
            assert_eq!(PropertyPath::parse(path), Err(PathError::EscapeCut), "{path}");
        }
        let path = |keys: usize| vec!["k"; keys].join(".");
        assert!(PropertyPath::parse(&path(DEPTH_MAX)).is_ok());
        assert_eq!(PropertyPath::parse(&path(DEPTH_MAX + 1)), Err(PathError::TooLong));
    }

    proptest! {
        #[test]
        fn every_key_can_be_written(keys in prop::collection::vec(r#"[a.\\"é\[\]0 ]{0,4}"#, 1..5)) {
            let write = |key: &String| match key.as_str() {
                "" => "\"\"".to_owned(),
                key => key.chars().flat_map(|letter| ['\\', letter]).collect(),
            };
            let text: Vec<String> = keys.iter().map(write).collect();
            let want = keys.iter().cloned().collect();
            prop_assert_eq!(PropertyPath::parse(&text.join(".")), Ok(want));
        }
    }
}
