//! A ledger's sets as JSON text, so that people can read them in the database.

use lamplight_wire::Ranges;
use serde::Deserialize;

use super::ledger::Ledger;

impl Ledger {
    /// The dropped numbers as JSON text: `{"<reason>":[[from,to],…]}`.
    pub fn dropped_json(&self) -> String {
        let mut out = String::from("{");
        for (index, (reason, ranges)) in self.dropped.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            lamplight_wire::json::push_string(&mut out, reason);
            out.push(':');
            ranges.push_json(&mut out);
        }
        out.push('}');
        out
    }

    /// The arrived numbers as JSON text: `[[from,to],…]`.
    pub fn received_json(&self) -> String {
        let mut out = String::new();
        self.received.push_json(&mut out);
        out
    }
}

/// Reads what [`Ledger::received_json`] wrote.
///
/// # Errors
/// If the text has another form.
pub fn read_received(json: &str) -> serde_json::Result<Ranges> {
    Ok(serde_json::from_str::<Vec<(u64, u64)>>(json)?.into_iter().collect())
}

/// Reads what [`Ledger::dropped_json`] wrote.
///
/// # Errors
/// If the text has another form.
pub fn read_dropped(json: &str) -> serde_json::Result<Vec<(String, Ranges)>> {
    #[derive(Deserialize)]
    struct Kept(#[serde(deserialize_with = "pairs_in_order")] Vec<(String, Ranges)>);
    Ok(serde_json::from_str::<Kept>(json)?.0)
}

/// A list, because the order of reasons decides which one a number counts under, and a map has no
/// order.
fn pairs_in_order<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Vec<(String, Ranges)>, D::Error> {
    struct Pairs;
    impl<'de> serde::de::Visitor<'de> for Pairs {
        type Value = Vec<(String, Ranges)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object of ranges by reason")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some((reason, ranges)) = map.next_entry::<String, Vec<(u64, u64)>>()? {
                pairs.push((reason, ranges.into_iter().collect()));
            }
            Ok(pairs)
        }
    }
    from.deserialize_map(Pairs)
}
