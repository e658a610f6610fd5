//! The filter in the address of a page: which events it shows.

use axum::response::Redirect;

use super::shown::{self, Markup};
use crate::api::Params;
use crate::api::params::invalid;
use crate::http::problem::{Problem, quoted};

/// How the names of conditions on properties begin.
const PROPERTY: &str = "prop.";
/// The filters with names of their own, and what chips call them.
const FILTERS: [(&str, &str); 11] = [
    ("name", "name"),
    ("type", "type"),
    ("source", "source"),
    ("user", "user"),
    ("producer", "producer"),
    ("state", "state"),
    ("from", "from"),
    ("to", "before"),
    ("on", "by time of"),
    ("tz", "zone"),
    ("mine", "only my browser"),
];

/// The query string of a page, without what is empty.
#[derive(Debug, Clone, Default)]
pub(super) struct FilterQuery(Vec<(String, String)>);

/// A part of the filter, with the query string that is left without it.
#[derive(Debug)]
pub(super) struct Chip {
    pub(super) label: Markup,
    pub(super) without: String,
}

impl FilterQuery {
    /// Reads a query string. If a form of a page sent it, it may have empty fields, and a condition
    /// as text. Then this gives the query string that a link would have.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Tidied> {
        let mut read = Self::default();
        let (mut is_tidy, mut path) = (true, None);
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match (&*name, value.trim()) {
                ("where", "") => is_tidy = false,
                ("where", text) => {
                    let (path, value) = condition(text).map_err(Tidied::Refused)?;
                    read.set(&format!("{PROPERTY}{path}"), value);
                    is_tidy = false;
                }
                // What to count by is a choice, and for a property also its path.
                ("path", text) => {
                    path = Some(text.to_owned());
                    is_tidy = false;
                }
                (name, "") if !name.starts_with(PROPERTY) => is_tidy = false,
                _ => read.0.push((name.into_owned(), value.into_owned())),
            }
        }
        if let Some(path) = path
            && read.value("by") == "property"
        {
            read.set("by", &format!("{PROPERTY}{path}"));
        }
        if is_tidy { Ok(read) } else { Err(Tidied::Is(read)) }
    }

    /// What the API reads of it.
    pub(super) fn params(&self) -> Result<Params, Problem> {
        Params::read(Some(&self.text()))
    }

    /// The value of a parameter. Empty if it is not there.
    pub(super) fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The conditions on properties: the whole names of parameters, and values.
    pub(super) fn properties(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter().filter(|(name, _)| name.starts_with(PROPERTY))
    }

    /// Whether it selects anything but what `known` name.
    pub(super) fn selects_beside(&self, known: &[&str]) -> bool {
        let is_filter = |name: &str| {
            name.starts_with(PROPERTY) || FILTERS.iter().any(|(filter, _)| *filter == name)
        };
        self.0.iter().any(|(name, _)| is_filter(name) && !known.contains(&name.as_str()))
    }

    fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    /// It with another value of a parameter.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut changed = self.clone();
        changed.set(name, value);
        changed
    }

    /// It without these parameters.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        let left = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        Self(left.cloned().collect())
    }

    /// It with no other parameters than filters and these.
    pub(super) fn filter_and(&self, names: &[&str]) -> Self {
        let is_kept = |name: &str| {
            name.starts_with(PROPERTY)
                || FILTERS.iter().any(|(filter, _)| *filter == name)
                || names.contains(&name)
        };
        Self(self.0.iter().filter(|(name, _)| is_kept(name)).cloned().collect())
    }

    /// The query string.
    pub(super) fn text(&self) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(&self.0).finish()
    }

    /// The address of a page with this filter.
    pub(super) fn at(&self, path: &str) -> String {
        match self.text() {
            text if text.is_empty() => path.to_owned(),
            text => format!("{path}?{text}"),
        }
    }

    /// Each part of the filter, for a page at `path`.
    pub(super) fn chips(&self, path: &str) -> Vec<Chip> {
        let chip = |(name, value): &(String, String)| {
            let label = match name.strip_prefix(PROPERTY) {
                Some(path) => shown::foreign(&format!("{path} = {value}"), 60),
                None => match FILTERS.iter().find(|(filter, _)| filter == name)? {
                    ("mine", label) if value == "true" => Markup((*label).to_owned()),
                    (_, label) => Markup(format!("{label} {}", shown::foreign(value, 60))),
                },
            };
            Some(Chip { label, without: self.without(&["cursor", name]).at(path) })
        };
        self.0.iter().filter_map(chip).collect()
    }
}

/// Why a query string is not read as it is.
#[derive(Debug)]
pub(super) enum Tidied {
    /// A form sent it. A link would have this instead.
    Is(FilterQuery),
    /// It cannot be read.
    Refused(Problem),
}

impl Tidied {
    /// The way to the page with the same filter as a link would have it.
    pub(super) fn redirect(self, path: &str) -> Result<Redirect, Problem> {
        match self {
            Self::Is(query) => Ok(Redirect::to(&query.at(path))),
            Self::Refused(problem) => Err(problem),
        }
    }
}

/// The path and the value in a condition such as `plan=pro`.
fn condition(text: &str) -> Result<(&str, &str), Problem> {
    let condition = text.strip_prefix(PROPERTY).unwrap_or(text).split_once('=');
    let condition = condition.map(|(path, value)| (path.trim(), value.trim()));
    condition.filter(|(path, _)| !path.is_empty()).ok_or_else(|| {
        invalid(format!(
            "invalid condition {} on a property: write its path, `=` and its value, such as plan=pro",
            quoted(text)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidied(query: &str) -> String {
        match FilterQuery::read(Some(query)) {
            Ok(read) => format!("same {}", read.text()),
            Err(Tidied::Is(read)) => read.text(),
            Err(Tidied::Refused(problem)) => problem.detail.into_owned(),
        }
    }

    #[test]
    fn what_a_form_sends_becomes_what_a_link_has() {
        for (sent, want) in [
            ("name=a&type=&where=", "name=a"),
            ("name=a", "same name=a"),
            ("prop.plan=&name=", "prop.plan="),
            ("prop.plan=free&where=plan%3Dpro", "prop.plan=pro"),
            ("where=prop.a.b+%3D+x%3Dy", "prop.a.b=x%3Dy"),
            ("by=property&path=a.b", "by=prop.a.b"),
            ("by=name&path=", "by=name"),
        ] {
            assert_eq!(tidied(sent), want, "{sent}");
        }
        for sent in ["where=plan", "where=%3D1"] {
            assert!(tidied(sent).starts_with("invalid condition"), "{sent}");
        }
    }

    #[test]
    fn a_chip_leads_to_the_filter_without_it_and_shows_no_markup() {
        let query = "name=%3Cb%3E&prop.a=%E2%80%AE&cursor=x&limit=5&mine=true";
        let query = FilterQuery::read(Some(query)).unwrap();
        let chips = query.chips("/events");
        let labels: Vec<&str> = chips.iter().map(|chip| chip.label.0.as_str()).collect();
        assert_eq!(
            labels,
            ["name <bdi>&lt;b&gt;</bdi>", "<bdi>a = \\u{202e}</bdi>", "only my browser"]
        );
        assert_eq!(chips[0].without, "/events?prop.a=%E2%80%AE&limit=5&mine=true");
        assert!(
            query.selects_beside(&["name", "mine"])
                && !query.without(&["prop.a"]).selects_beside(&["name", "mine"])
        );
    }
}
