//! Where a new event goes, and which events are over a limit.

use lamplight_sdk::client::{Client, FirstClient, FullClient, NewEvent, TrackOutcome};
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::StorageError;
use lamplight_wire::limits::{NAME_BYTES_MAX, PROPERTIES_BYTES_MAX};

use crate::page::{Page, PageClient, PagePorts, site};

fn opened<C: PageClient>() -> Page<C> {
    Page::open(&site(), Options::default())
}

#[test]
fn track_tells_where_the_event_went() {
    fn check<C: PageClient>() {
        let outcome = |change: &dyn Fn(&mut Page<C>), padding| {
            let mut page = opened::<C>();
            page.database = false;
            change(&mut page);
            page.track(padding).outcome
        };
        let refuse = |error| move |page: &mut Page<C>| page.site.borrow_mut().refuses = Some(error);
        assert_eq!(outcome(&|_| {}, 1), TrackOutcome::Stored);
        assert_eq!(outcome(&refuse(StorageError::Blocked), 1), TrackOutcome::StorageBlocked);
        assert_eq!(outcome(&refuse(StorageError::QuotaExceeded), 1), TrackOutcome::StorageFull);
        assert_eq!(outcome(&|page| page.client.close(), 1), TrackOutcome::Closed);
        let over = |name_bytes, properties, user: &str| {
            let mut page = opened::<C>();
            let properties_json = " ".repeat(properties);
            let event = NewEvent {
                name: "n",
                name_bytes,
                properties_json: &properties_json,
                user_json: user,
                ..NewEvent::default()
            };
            page.client.track(&event).outcome
        };
        let rest = |bytes| "u".repeat(bytes);
        assert_eq!(over(NAME_BYTES_MAX, PROPERTIES_BYTES_MAX, &rest(8_192)), TrackOutcome::Stored);
        assert_eq!(over(NAME_BYTES_MAX + 1, 2, ""), TrackOutcome::TooLarge);
        assert_eq!(over(1, PROPERTIES_BYTES_MAX + 1, ""), TrackOutcome::TooLarge);
        assert_eq!(over(1, 2, &rest(8_193)), TrackOutcome::TooLarge);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn user_monitor_and_type_count_together() {
    let event = NewEvent { name: "n", properties_json: "{}", ..NewEvent::default() };
    let long = "m".repeat(8_000);
    let (kind, short) = ("k".repeat(96), "u".repeat(96));
    for (kind, user_json, outcome) in [
        (kind.as_str(), short.as_str(), TrackOutcome::Stored),
        (kind.as_str(), &"u".repeat(97), TrackOutcome::TooLarge),
        (&"k".repeat(97), short.as_str(), TrackOutcome::TooLarge),
    ] {
        let mut page = opened::<FullClient<PagePorts>>();
        let event = NewEvent { monitor_json: &long, kind, user_json, ..event };
        assert_eq!(page.client.track(&event).outcome, outcome);
    }
}
