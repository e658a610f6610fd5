//! Updates of profiles (<https://docs.mixpanel.com/reference/profile-set>). Pure.

use lamplight_wire::json::push_string;
use serde_json::value::RawValue;

use super::encode::{read, user_of_identify};
use crate::store::{EventRow, Reason};

/// Traits that Mixpanel's reports and messages read, and the names that they read them by
/// (<https://docs.mixpanel.com/docs/data-structure/property-reference/reserved-properties>).
const RESERVED: [(&str, &str); 12] = [
    ("email", "$email"),
    ("name", "$name"),
    ("phone", "$phone"),
    ("first_name", "$first_name"),
    ("firstName", "$first_name"),
    ("last_name", "$last_name"),
    ("lastName", "$last_name"),
    ("avatar", "$avatar"),
    ("created", "$created"),
    ("created_at", "$created"),
    ("createdAt", "$created"),
    ("createdat", "$created"),
];

/// A trait of a profile, by Mixpanel's name. A trait without a value is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trait {
    /// Its name.
    pub name: String,
    /// Its value as JSON.
    pub value: Option<String>,
}

/// The traits that one `identify` sets and removes. Those that a later event set again are left
/// out, so that an event that is delivered late takes nothing back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileUpdate {
    /// The user.
    pub user: String,
    /// When they were sent, in milliseconds since 1970.
    pub time_ms: i64,
    /// The traits.
    pub traits: Vec<Trait>,
}

impl ProfileUpdate {
    /// The update that an event makes, if it is an `identify` with traits.
    ///
    /// # Errors
    /// When the JSON that the page sent cannot be read.
    pub fn of(row: &EventRow) -> Result<Option<Self>, Reason> {
        let Some(user) = user_of_identify(row) else { return Ok(None) };
        let mut given = read(row.properties_json.as_deref())?;
        given.retain(|(name, _)| !row.outdated_traits.contains(name));
        let mut traits: Vec<Trait> = Vec::with_capacity(given.len());
        // What the page already calls by Mixpanel's name takes precedence.
        let is_given = |name: &str| given.iter().any(|(known, _)| known == name);
        for (name, value) in &given {
            let reserved =
                RESERVED.iter().find(|(ours, _)| ours == name).map(|(_, theirs)| *theirs);
            let name = reserved.filter(|theirs| !is_given(theirs)).unwrap_or(name);
            if traits.iter().all(|known| known.name != name) {
                let value = (value.get() != "null").then(|| value_of(name, value));
                traits.push(Trait { name: name.to_owned(), value });
            }
        }
        let update = Self { user: user.to_owned(), time_ms: row.time_ms, traits };
        Ok(Some(update).filter(|update| !update.traits.is_empty()))
    }

    /// The texts for `/engage`: one sets traits, one removes them. A request takes one operation
    /// for each text.
    pub fn texts(&self, token: &str) -> Vec<String> {
        let (set, unset): (Vec<&Trait>, Vec<&Trait>) =
            self.traits.iter().partition(|it| it.value.is_some());
        let mut texts = Vec::new();
        if !set.is_empty() {
            let mut out = self.begin(token);
            out.push_str("\"$set\":{");
            for (index, Trait { name, value }) in set.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_string(&mut out, name);
                out.push(':');
                out.push_str(value.as_deref().unwrap_or("null"));
            }
            out.push_str("}}");
            texts.push(out);
        }
        if !unset.is_empty() {
            let mut out = self.begin(token);
            out.push_str("\"$unset\":[");
            for (index, Trait { name, .. }) in unset.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_string(&mut out, name);
            }
            out.push_str("]}");
            texts.push(out);
        }
        texts
    }

    fn begin(&self, token: &str) -> String {
        let mut out = String::with_capacity(200);
        out.push_str("{\"$token\":");
        push_string(&mut out, token);
        out.push_str(",\"$distinct_id\":");
        push_string(&mut out, &self.user);
        // Otherwise Mixpanel would use the location of this server as the user's.
        out.push_str(",\"$ip\":\"0\",");
        out
    }
}

/// The value as Mixpanel reads it. `$created` is a time as text. SDKs also send it as a number of
/// seconds or milliseconds.
fn value_of(name: &str, value: &RawValue) -> String {
    let number = value.get().parse::<i64>().ok().filter(|_| name == "$created");
    let ms = number.map(|number| {
        if number.unsigned_abs() < 100_000_000_000 { number.saturating_mul(1_000) } else { number }
    });
    ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).map_or_else(
        || value.get().to_owned(),
        |time| format!("\"{}\"", time.strftime("%Y-%m-%dT%H:%M:%S")),
    )
}
