//! Country and city of a client's network, from a file in MaxMind's format.
//!
//! Looks up the network that intake kept, /24 or /48, never a full address.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{MaxMindDbError, Reader};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A file of the locations of networks.
#[derive(Debug)]
pub struct Geo(Reader<Vec<u8>>);

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("read {}: it is not a MaxMind database, or cannot be read", path.display())]
pub struct GeoError {
    path: PathBuf,
    #[source]
    source: MaxMindDbError,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Place<'a> {
    #[serde(borrow)]
    country: Coded<'a>,
    #[serde(borrow)]
    subdivisions: Vec<Coded<'a>>,
    #[serde(borrow)]
    city: Named<'a>,
    #[serde(borrow)]
    location: Location<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Coded<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow)]
    names: Names<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Names<'a> {
    en: Option<&'a str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Location<'a> {
    time_zone: Option<&'a str>,
}

impl Geo {
    /// Reads the file into memory.
    ///
    /// # Errors
    /// [`GeoError`].
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        let read = Reader::open_readfile(path);
        read.map(Self).map_err(|source| GeoError { path: path.to_owned(), source })
    }

    /// The location of `network`, or `None` if the file does not have it.
    pub(super) fn find(&self, network: &str) -> Result<Option<Value>, String> {
        let address: IpAddr = network
            .split('/')
            .next()
            .and_then(|text| text.parse().ok())
            .ok_or("the client's network is invalid")?;
        let failed = |error: MaxMindDbError| format!("the file cannot be searched: {error}");
        let found = self.0.lookup(address).map_err(failed)?;
        let Some(place) = found.decode::<Place<'_>>().map_err(failed)? else { return Ok(None) };
        let mut members = Map::new();
        for (name, value) in [
            ("country", place.country.iso_code),
            ("region", place.subdivisions.first().and_then(|region| region.iso_code)),
            ("city", place.city.names.en),
            ("time_zone", place.location.time_zone),
        ] {
            if let Some(value) = value {
                members.insert(name.into(), value.into());
            }
        }
        Ok((!members.is_empty()).then_some(Value::Object(members)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use maxminddb_writer::Database;
    use maxminddb_writer::metadata::IpVersion;
    use maxminddb_writer::paths::IpAddrWithMask;
    use serde_json::json;

    /// A file with one network.
    pub(crate) fn geo() -> Geo {
        let mut database = Database::default();
        database.metadata.ip_version = IpVersion::V4;
        database.metadata.binary_format_major_version = 2;
        database.metadata.database_type = "Test".into();
        let place = json!({
            "country": { "iso_code": "SE", "names": { "en": "Sweden" } },
            "subdivisions": [{ "iso_code": "E" }],
            "city": { "names": { "en": "Linköping", "de": "anders" } },
            "location": { "time_zone": "Europe/Stockholm", "latitude": 58.4 },
        });
        let place = database.insert_value(place).unwrap();
        database.insert_node("203.0.113.0/24".parse::<IpAddrWithMask>().unwrap(), place);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("places.mmdb");
        std::fs::write(&path, database.write_to(Vec::new()).unwrap()).unwrap();
        Geo::open(&path).unwrap()
    }

    #[test]
    fn a_known_network_has_a_location_and_an_unknown_one_has_none() {
        let geo = geo();
        let place = json!({
            "country": "SE", "region": "E", "city": "Linköping", "time_zone": "Europe/Stockholm"
        });
        assert_eq!(geo.find("203.0.113.0/24"), Ok(Some(place)));
        assert_eq!(geo.find("198.51.100.0/24"), Ok(None));
        assert!(geo.find("2001:db8::/48").is_err(), "the file has no such addresses");
        assert!(geo.find("").is_err());
    }

    #[test]
    fn a_file_in_another_format_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("places.mmdb");
        std::fs::write(&path, "no").unwrap();
        assert!(Geo::open(&path).unwrap_err().to_string().contains("places.mmdb"));
    }
}
