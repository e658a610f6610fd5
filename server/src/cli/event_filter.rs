//! Which events a command shows: the filters of the API.

use clap::Args;

use crate::client::Params;

/// Which events.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which events (all filters must match)")]
pub struct EventFilterArgs {
    /// Events with this name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Events of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = ["default", "critical", "monitor"])]
    pub kind: Option<String>,
    /// Events of this user or anonymous id
    #[arg(long, value_name = "ID")]
    pub user: Option<String>,
    /// Events of this source
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Events of this producer
    #[arg(long, value_name = "ID")]
    pub producer: Option<String>,
    /// Events whose property has this value, such as plan=pro or total=25; may be repeated
    #[arg(long = "prop", value_name = "PATH=VALUE", value_parser = property)]
    pub properties: Vec<(String, String)>,
}

/// When the events were.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "When (all times if none is given)")]
pub struct SpanArgs {
    /// From this time on: a day such as 2026-01-31 in the zone of --tz, RFC 3339, or milliseconds
    /// since 1970
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Which time of an event counts: when the server received it, or its own time [default:
    /// received]
    #[arg(long, value_name = "CLOCK", value_parser = ["received", "time"])]
    pub on: Option<String>,
    /// Time zone of days, such as Europe/Zurich [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
}

fn property(text: &str) -> Result<(String, String), String> {
    let text = text.strip_prefix("prop.").unwrap_or(text);
    match text.split_once('=') {
        Some((path, value)) if !path.is_empty() => Ok((path.to_owned(), value.to_owned())),
        _ => Err("write the path of a property, `=` and its value, such as plan=pro".into()),
    }
}

impl EventFilterArgs {
    /// The parameters of the API.
    pub fn params(&self) -> Params {
        let given = [
            ("name", &self.name),
            ("type", &self.kind),
            ("user", &self.user),
            ("source", &self.source),
            ("producer", &self.producer),
        ];
        let properties =
            self.properties.iter().map(|(path, value)| (format!("prop.{path}"), value.clone()));
        present(&given).chain(properties).collect()
    }
}

impl SpanArgs {
    /// The parameters of the API.
    pub fn params(&self) -> Params {
        let given = [("from", &self.from), ("to", &self.to), ("on", &self.on), ("tz", &self.tz)];
        present(&given).collect()
    }
}

fn present<'a>(
    given: &'a [(&'a str, &'a Option<String>)],
) -> impl Iterator<Item = (String, String)> + 'a {
    given.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.as_ref()?.clone())))
}

/// Milliseconds since 1970 of a time that somebody wrote.
pub(super) fn time_ms(text: &str) -> Result<i64, String> {
    if let Ok(ms) = text.parse() {
        return Ok(ms);
    }
    let time = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let day = jiff::civil::Date::strptime("%Y-%m-%d", text).ok()?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    });
    let ms = time.map(jiff::Timestamp::as_millisecond);
    ms.ok_or_else(|| {
        "write a day such as 2026-01-31, a time such as 2026-01-31T12:00:00Z, or milliseconds \
         since 1970"
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_day_in_utc_or_rfc_3339_or_milliseconds() {
        for text in ["2026-01-31", "2026-01-31T00:00:00Z", "2026-01-31T01:00:00+01:00"] {
            assert_eq!(time_ms(text), Ok(1_769_817_600_000), "{text}");
        }
        assert_eq!(time_ms("1769817600000"), Ok(1_769_817_600_000));
        for text in ["2026-02-30", "2026-01", "2026-01-31T12:00", "31.1.2026", "", "yesterday"] {
            let refused = time_ms(text).unwrap_err();
            assert!(refused.starts_with("write a day"), "{text}: {refused}");
        }
    }

    #[test]
    fn a_property_may_be_written_as_in_the_api() {
        for text in ["plan=pro", "prop.plan=pro"] {
            assert_eq!(property(text), Ok(("plan".into(), "pro".into())));
        }
        assert_eq!(property("a.b=x=y"), Ok(("a.b".into(), "x=y".into())));
        assert!(property("plan").is_err() && property("=x").is_err());
    }
}
