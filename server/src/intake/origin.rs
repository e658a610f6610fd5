//! Which origins may use a key.

use http::HeaderMap;
use http::header::ORIGIN;

use super::refusal::Refusal;
use crate::keys::keyring::HeldKey;

/// Refuses a request whose `Origin` is not among those of its key.
///
/// Browsers send the page's origin in every POST (Fetch standard, "append a request `Origin`
/// header"), so a request without the header was not sent by a page.
pub(super) fn check(held: &HeldKey, headers: &HeaderMap) -> Result<(), Refusal> {
    if !held.origins.is_restricted() {
        return Ok(());
    }
    let key_id = || held.key.id.clone();
    let Some(origin) = headers.get(ORIGIN) else {
        return Err(Refusal::OriginMissing { key_id: key_id() });
    };
    let origin = String::from_utf8_lossy(origin.as_bytes());
    if held.origins.allows(&origin) {
        return Ok(());
    }
    Err(Refusal::OriginNotAllowed { key_id: key_id(), origin: origin.into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::keyring::Keyring;
    use crate::store::{Key, KeyKind};

    fn allows(allowed: &[&str], origin: Option<&str>) -> bool {
        let mut key = Key::new(KeyKind::Write, "web", "wk_try_me_now", 0);
        key.rules.origins = allowed.iter().map(|&text| text.to_owned()).collect();
        let held = Keyring::new([key]).find("wk_try_me_now").unwrap();
        let headers = origin.map(|origin| (ORIGIN, origin.parse().unwrap()));
        check(&held, &headers.into_iter().collect()).is_ok()
    }

    #[test]
    fn only_the_origins_of_the_key_are_allowed() {
        assert!(allows(&[], None));
        assert!(allows(&["https://shop.example"], Some("https://shop.example")));
        assert!(allows(&["https://Shop.example"], Some("https://shop.EXAMPLE")));
        for origin in
            [None, Some("null"), Some("http://shop.example"), Some("https://shop.example:8443")]
        {
            assert!(!allows(&["https://shop.example", "https://*.other.example"], origin));
        }
    }
}
