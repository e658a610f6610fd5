//! The host page clears storage, as many do when a user logs out.

use lamplight_sdk::client::Client;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::PageEvent;

use crate::page::{FirstPage, FullPage, Page, PageClient, site, status};

const EVENTS: usize = 30;

/// How many events are in storage.
fn stored<C>(page: &Page<C>) -> usize {
    page.site.borrow().values.keys().filter(|key| key.contains(":q:")).count()
}

/// A page with events that the server does not take.
fn page<C: PageClient>() -> Page<C> {
    let mut page = Page::<C>::open(&site(), Options::default());
    page.server = Some(status(503));
    for _ in 0..EVENTS {
        page.track(10);
    }
    page.advance(10_000);
    assert_eq!(stored(&page), EVENTS);
    page
}

fn are_written_again<C: PageClient>() {
    let mut page = page::<C>();
    page.site.borrow_mut().values.clear();
    page.advance(6_000);
    assert_eq!(stored(&page), EVENTS, "after five seconds");
    assert_eq!(page.counters().queued, EVENTS as u64);

    // With a later event in storage, the same.
    page.site.borrow_mut().values.clear();
    page.track(10);
    page.advance(12_000);
    assert_eq!(stored(&page), EVENTS + 1, "and again, with one more");
}

#[test]
fn the_first_clients_events_are_written_again() {
    are_written_again::<lamplight_sdk::client::FirstClient<crate::page::PagePorts>>();
}

#[test]
fn the_full_clients_events_are_written_again_or_moved_out() {
    let mut page = page::<lamplight_sdk::client::FullClient<crate::page::PagePorts>>();
    page.database = true;
    page.site.borrow_mut().values.clear();
    page.advance(8_000);
    let overflowed: usize = page.site.borrow().blocks.len();
    assert!(stored(&page) == EVENTS || overflowed > 0, "{} and {overflowed}", stored(&page));
}

#[test]
fn a_page_that_leaves_right_after_it_cleared_storage_leaves_its_events() {
    fn leave<C: PageClient>() {
        let mut page = page::<C>();
        page.site.borrow_mut().values.clear();
        page.event(PageEvent::Left);
        assert_eq!(stored(&page), EVENTS);
    }
    leave::<lamplight_sdk::client::FirstClient<crate::page::PagePorts>>();
    leave::<lamplight_sdk::client::FullClient<crate::page::PagePorts>>();
}

#[test]
fn a_new_event_is_still_read_back_after_the_settle_time() {
    let mut page = page::<lamplight_sdk::client::FirstClient<crate::page::PagePorts>>();
    page.track(10);
    let key = page.site.borrow().values.keys().rfind(|key| key.ends_with(":31")).cloned();
    page.site.borrow_mut().values.remove(&key.unwrap());
    page.advance(page.options.settle_ms + 10);
    assert_eq!(stored(&page), EVENTS + 1);
}

#[test]
fn consent_that_was_given_again_leaves_an_empty_decision() {
    let mut page = FirstPage::open(&site(), Options::default());
    page.client.withdraw(false);
    assert!(
        page.site
            .borrow()
            .values
            .iter()
            .any(|(key, value)| key.ends_with(":o") && !value.is_empty())
    );
    page.client.consent();
    assert!(
        page.site
            .borrow()
            .values
            .iter()
            .any(|(key, value)| key.ends_with(":o") && value.is_empty())
    );
    let site = page.site.clone();
    assert!(!FullPage::open(&site, Options::default()).client.is_withdrawn());
}
