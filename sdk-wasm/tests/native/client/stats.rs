//! What `stats()` counts.

use lamplight_sdk::client::{Client, FirstClient, FullClient};
use lamplight_sdk::options::Options;
use lamplight_wire::Producer;

use crate::page::{Driven, FullPage, Page, PageClient, PagePorts, ok, site, status};

#[test]
fn queued_bytes_are_those_of_events_that_wait() {
    fn check<C: PageClient>() {
        let mut page = Page::<C>::open(&site(), Options { events_max: 2, ..Options::default() });
        for _ in 0..3 {
            page.track_bytes(400);
        }
        assert_eq!((page.counters().queued, page.counters().queued_bytes), (3, 1_200));
        page.run();
        assert_eq!((page.counters().queued, page.counters().queued_bytes), (3, 400));
        page.answer_all(&status(500));
        assert_eq!((page.counters().queued, page.counters().queued_bytes), (3, 1_200));
        page.advance(60_000);
        page.answer_all(&ok());
        assert_eq!((page.counters().queued, page.counters().queued_bytes), (1, 400));
        assert_eq!((page.counters().made, page.counters().sent), (3, 2));
        assert_eq!(page.counters().backoff_ms, 0);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

/// A page with an event that the server refused for now.
fn refused_page<C: PageClient>() -> Page<C> {
    let mut page = Page::<C>::open(&site(), Options::default());
    page.track(1);
    page.run();
    page.answer_all(&status(500));
    page
}

#[test]
fn the_first_client_s_text_is_the_counters_in_order() {
    let page = refused_page::<FirstClient<PagePorts>>();
    let text = page.client.stats();
    let numbers: Vec<u64> = text.split(' ').skip(1).map(|text| text.parse().unwrap()).collect();
    assert_eq!(numbers, page.client.counters());
}

#[test]
fn the_full_client_s_object_has_the_counters_by_name() {
    let page = refused_page::<FullClient<PagePorts>>();
    let (stats, counters) = (page.client.stats(), page.counters());
    assert_eq!((stats.made, stats.queued, stats.sent), (1, 1, 0));
    assert_eq!((stats.queued_bytes, stats.stored), (counters.queued_bytes, counters.stored));
    assert_eq!((stats.requests, stats.backoff_ms), (1, counters.backoff_ms));
    assert_eq!(stats.last_error.as_deref(), Some("status 500"));
    assert_eq!((stats.last_flush, counters.last_flush), (Some("interval"), 1));
    assert_eq!(stats.producer, page.client.producer().to_string());
    let json = page.full_stats();
    assert_eq!(json["lastFlush"], "interval");
    assert_eq!(json["dropped"]["too_large"], 0);
    let page = Page::<FullClient<PagePorts>>::open(&site(), Options::default());
    let json = page.full_stats();
    assert_eq!((json.get("lastFlush"), json.get("lastError")), (None, None));
    assert_eq!(json["lock"].get("holder"), None);
}

#[test]
fn the_lock_s_phases_are_shown_in_order() {
    let mut page = FullPage::open(&site(), Options::default());
    page.track(1);
    page.server = Some(status(500));
    let mut phases = vec![String::from("idle")];
    for _ in 0..2_000 {
        page.advance(1);
        let phase = page.full_stats()["lock"]["phase"].as_str().unwrap().to_owned();
        if phases.last() != Some(&phase) {
            phases.push(phase);
        }
    }
    // Steps of one task each are not seen from outside.
    assert_eq!(phases, ["idle", "requesting", "claiming", "idle"]);
    let stats = page.full_stats();
    let me = page.client.producer().to_string();
    assert_eq!((&stats["lock"]["holder"], &stats["foreign"]), (&me.clone().into(), &0.into()));
    let history = &stats["lock"]["history"];
    assert_eq!(history.as_array().unwrap().len(), 1);
    assert_eq!((&history[0]["holder"], &history[0]["epoch"]), (&me.into(), &1.into()));
    assert_eq!(history[0]["since"], 1_800_000_000_000_u64 + 1_700);
}

#[test]
fn the_last_eight_holders_are_shown() {
    let mut page = FullPage::open(&site(), Options::default());
    for epoch in 1..=12_u64 {
        let holder = Producer::from_bits(u128::from(epoch));
        page.site.borrow_mut().live.push(holder);
        let lease = format!("{holder}:{epoch}:1");
        page.site.borrow_mut().values.insert("ll:l:lease".into(), lease);
        let ms = page.due_ms().unwrap() - page.now_ms();
        page.advance(ms + 4_000);
        // A new beat is no new holder.
        let lease = format!("{holder}:{epoch}:2");
        page.site.borrow_mut().values.insert("ll:l:lease".into(), lease);
        page.advance(4_000);
    }
    let history = page.full_stats()["lock"]["history"].clone();
    let epochs: Vec<u64> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|tenure| tenure["epoch"].as_u64().unwrap())
        .collect();
    assert_eq!(epochs, (5..=12).collect::<Vec<u64>>());
}

#[test]
fn a_malformed_lease_belongs_to_nobody() {
    let mut page = FullPage::open(&site(), Options::default());
    for text in ["", "nobody:1:1", "00000000000000000000000009:x:1", "00000000000000000000000009:1"]
    {
        page.site.borrow_mut().values.insert("ll:l:lease".into(), text.into());
        page.advance(5_000);
        assert!(page.full_stats()["lock"].get("holder").is_none(), "{text}");
    }
}
