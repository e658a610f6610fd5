//! Query parameters, read strictly: a misspelt filter must not look like one that matched everything.

use std::borrow::Cow;
use std::str::FromStr;

use http::StatusCode;

use crate::http::problem::Problem;

/// Most parameters in one request.
const PARAMS_MAX: usize = 32;

/// The parameters of a request. Each is taken once; what is left at the end is unknown.
#[derive(Debug)]
pub(super) struct Params<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Params<'a> {
    pub(super) fn read(query: Option<&'a str>) -> Result<Self, Problem> {
        let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if pairs.len() >= PARAMS_MAX || pairs.iter().any(|(known, _)| *known == name) {
                return Err(bad(format!(
                    "query parameter `{}` is given twice, or too many are",
                    cut(&name)
                )));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1.into_owned())
    }

    /// A parameter that `read` turns into what `what` says it is.
    pub(super) fn value<T>(
        &mut self,
        name: &str,
        what: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match read(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(bad(format!("query parameter `{name}` is not {what}"))),
        }
    }

    /// A time: milliseconds since 1970 or RFC 3339 text.
    pub(super) fn time_ms(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        self.value(
            name,
            "a time: milliseconds since 1970, or such as 2026-01-31T12:00:00Z",
            |text| {
                text.parse()
                    .ok()
                    .or_else(|| Some(jiff::Timestamp::from_str(text).ok()?.as_millisecond()))
            },
        )
    }

    /// How many to give at most.
    pub(super) fn limit(&mut self) -> Result<u32, Problem> {
        let limit = self.value("limit", "a number from 1 to 500", |text| {
            text.parse().ok().filter(|limit| (1..=500).contains(limit))
        })?;
        Ok(limit.unwrap_or(50))
    }

    /// All parameters whose names begin with `prefix`, without it.
    pub(super) fn prefixed(&mut self, prefix: &str) -> Vec<(String, String)> {
        let (taken, left) =
            std::mem::take(&mut self.0).into_iter().partition(|(name, _)| name.starts_with(prefix));
        self.0 = left;
        let taken: Vec<(Cow<'_, str>, Cow<'_, str>)> = taken;
        taken
            .into_iter()
            .map(|(name, value)| (name[prefix.len()..].to_owned(), value.into_owned()))
            .collect()
    }

    /// Nothing may be left.
    pub(super) fn finish(self, known: &str) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "parameter_unknown",
                format!("query parameter `{}` is unknown; known are {known}", cut(name)),
            )),
        }
    }
}

pub(super) fn bad(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "parameter_invalid", detail)
}

fn cut(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_or_repeated_parameter_is_refused() {
        let mut params = Params::read(Some("name=a&nmae=b")).unwrap();
        assert_eq!(params.text("name").as_deref(), Some("a"));
        assert_eq!(params.finish("name").unwrap_err().code, "parameter_unknown");
        assert_eq!(Params::read(Some("a=1&a=2")).unwrap_err().code, "parameter_invalid");
    }

    #[test]
    fn times_are_numbers_or_text_and_limits_have_limits() {
        let mut params = Params::read(Some("from=5&to=1970-01-01T00:00:01Z&limit=501")).unwrap();
        assert_eq!(params.time_ms("from").unwrap(), Some(5));
        assert_eq!(params.time_ms("to").unwrap(), Some(1000));
        assert_eq!(params.limit().unwrap_err().code, "parameter_invalid");
    }
}
