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

#[test]
fn the_text_begins_with_the_counters_in_order() {
    fn check<C: PageClient>(parts: usize) {
        let mut page = Page::<C>::open(&site(), Options::default());
        page.track(1);
        page.run();
        page.answer_all(&status(500));
        let stats = page.client.stats();
        let head = stats.split('\n').next().unwrap();
        let numbers: Vec<u64> = head.split(' ').skip(1).map(|text| text.parse().unwrap()).collect();
        assert_eq!(numbers, page.client.counters());
        assert_eq!(stats.split('\n').count(), parts);
    }
    check::<FirstClient<PagePorts>>(1);
    check::<FullClient<PagePorts>>(2);
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
