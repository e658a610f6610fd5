//! Query parameters, read strictly: a misspelled filter must not look like one that matched
//! everything.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::http::problem::{Problem, quoted};
use crate::openapi::{Form, Param};

/// `limit`, which [`Params::limit`] takes.
pub(crate) const LIMIT: Param =
    Param::new("limit", Form::Number(1, 500), "How many entries a page has at most")
        .default("50")
        .example("10");
/// `cursor`.
pub(crate) const CURSOR: Param = Param::new(
    "cursor",
    Form::Text,
    "The `next` of a page with the same filters. The answer continues after that page",
);
/// `source`.
pub(crate) const SOURCE: Param =
    Param::new("source", Form::Text, "Only of this source, which is the one of a key");
/// `producer`.
pub(crate) const PRODUCER_ID: Param = Param::new(
    "producer",
    Form::Pattern("^[0-7][0-9A-HJKMNP-TV-Z]{25}$"),
    "Only of this producer (a page or a worker)",
);
/// Most parameters in one request.
const PARAMS_MAX: usize = 32;
/// The form of a producer's id, for error messages.
pub(crate) const PRODUCER: &str = "a producer id of 26 characters (Crockford base32)";
/// The form of a time, for error messages.
pub(crate) const TIME: &str =
    "a time: milliseconds since 1970, or RFC 3339 text such as 2026-01-31T12:00:00Z";
/// The form of a time that may be local, for error messages.
const TIME_IN_ZONE: &str = "a time: milliseconds since 1970, RFC 3339 text such as \
     2026-01-31T12:00:00Z, or a day such as 2026-01-31 in `tz`";

/// The query parameters of a request. A handler takes each one that it knows, and rejects the rest.
#[derive(Debug)]
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(parts.uri.query())
    }
}

impl Params {
    pub(crate) fn read(query: Option<&str>) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if pairs.len() >= PARAMS_MAX {
                return Err(invalid(format!(
                    "too many query parameters: send at most {PARAMS_MAX}"
                )));
            }
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(invalid(format!(
                    "repeated query parameter {}: send it once",
                    quoted(&name)
                )));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// The same without those that are empty, as forms send fields that nobody filled in.
    pub(crate) fn without_empty(mut self) -> Self {
        self.0.retain(|(_, value)| !value.is_empty());
        self
    }

    /// Takes a parameter that `read` parses. `expected` describes its form.
    pub(crate) fn value<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match read(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(invalid_value(name, &text, expected)),
        }
    }

    /// Takes a time: milliseconds since 1970, RFC 3339 text, or a day or a local time in `zone`.
    pub(crate) fn time_ms(&mut self, name: &str, zone: &TimeZone) -> Result<Option<i64>, Problem> {
        self.value(name, TIME_IN_ZONE, |text| {
            text.parse().ok().or_else(|| rfc3339_ms(text)).or_else(|| local_ms(text, zone))
        })
    }

    /// Takes a flag. `false` without one.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        Ok(self.value(name, "true or false", |text| text.parse().ok())?.unwrap_or(false))
    }

    /// Takes the largest number of entries on a page.
    pub(crate) fn limit(&mut self) -> Result<u32, Problem> {
        let limit = self.value("limit", "a number from 1 to 500", |text| {
            text.parse().ok().filter(|limit| (1..=500).contains(limit))
        })?;
        Ok(limit.unwrap_or(50))
    }

    /// Takes all parameters whose names begin with `prefix`, and removes it from the names.
    pub(crate) fn prefixed(&mut self, prefix: &str) -> Vec<(String, String)> {
        let (taken, left) =
            std::mem::take(&mut self.0).into_iter().partition(|(name, _)| name.starts_with(prefix));
        self.0 = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(name, value)| (name[prefix.len()..].to_owned(), value)).collect()
    }

    /// Rejects every parameter that was not taken. `known` are those of the operation.
    pub(crate) fn finish(self, known: &[&[Param]]) -> Result<(), Problem> {
        let Some((name, _)) = self.0.first() else { return Ok(()) };
        let known: Vec<String> = known.iter().copied().flatten().map(Param::written).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "parameter_unknown",
            format!("unknown query parameter {}: this call knows {known}", quoted(name)),
        ))
    }
}

/// The milliseconds since 1970 of RFC 3339 text.
pub(crate) fn rfc3339_ms(text: &str) -> Option<i64> {
    jiff::Timestamp::from_str(text).ok().map(jiff::Timestamp::as_millisecond)
}

/// The milliseconds since 1970 of a local time. A day begins at midnight. A time that clocks skip
/// or repeat is read as by the clock before they change.
fn local_ms(text: &str, zone: &TimeZone) -> Option<i64> {
    let time: DateTime = text.parse().ok()?;
    Some(time.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond())
}

/// A parameter has a value that it cannot have.
pub(crate) fn invalid_value(name: &str, value: &str, expected: &str) -> Problem {
    invalid(format!("invalid value {} for `{name}`: send {expected}", quoted(value)))
}

/// The parameters cannot be used as they are.
pub(crate) fn invalid(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "parameter_invalid", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_or_repeated_parameter_is_refused() {
        let mut params = Params::read(Some("name=a&nmae=b")).unwrap();
        assert_eq!(params.text("name").as_deref(), Some("a"));
        let unknown = params.finish(&[&[Param::new("name", Form::Text, "")]]).unwrap_err();
        assert_eq!(unknown.code, "parameter_unknown");
        assert_eq!(unknown.detail, "unknown query parameter `nmae`: this call knows name");
        assert_eq!(Params::read(Some("a=1&a=2")).unwrap_err().code, "parameter_invalid");
    }

    #[test]
    fn a_day_and_a_local_time_are_in_the_zone() {
        let zurich = TimeZone::get("Europe/Zurich").unwrap();
        for (text, want) in [
            ("2026-03-29", "2026-03-28T23:00:00Z"),
            ("2026-03-30", "2026-03-29T22:00:00Z"),
            ("2026-03-29T12:00", "2026-03-29T10:00:00Z"),
            ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),
            ("2026-03-29T12:00:00Z", "2026-03-29T12:00:00Z"),
        ] {
            let mut params = Params::read(Some(&format!("from={text}"))).unwrap();
            assert_eq!(params.time_ms("from", &zurich).unwrap(), rfc3339_ms(want), "{text}");
        }
    }

    #[test]
    fn a_time_is_a_number_or_text_and_a_limit_is_at_most_500() {
        let mut params = Params::read(Some("from=5&to=1970-01-01T00:00:01Z&limit=501")).unwrap();
        assert_eq!(params.time_ms("from", &TimeZone::UTC).unwrap(), Some(5));
        assert_eq!(params.time_ms("to", &TimeZone::UTC).unwrap(), Some(1000));
        let invalid = params.limit().unwrap_err();
        assert_eq!(invalid.code, "parameter_invalid");
        assert_eq!(invalid.detail, "invalid value `501` for `limit`: send a number from 1 to 500");
    }
}
