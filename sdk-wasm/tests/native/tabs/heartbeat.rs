//! When a page writes its heartbeat, and when it does not need one.

use lamplight_sdk::client::{FirstClient, FullClient};
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::PageEvent;
use lamplight_wire::limits::PROPERTIES_BYTES_MAX;

use crate::page::{Page, PageClient, PagePorts, ok, site};

fn opened<C: PageClient>() -> Page<C> {
    Page::open(&site(), Options::default())
}

#[test]
fn a_page_writes_a_heartbeat_every_fifteen_seconds_while_events_wait() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.track(1);
        page.advance(14_999);
        assert_eq!(page.heartbeat(), None);
        page.advance(1);
        assert_eq!(page.heartbeat().as_deref(), Some("1:2"));
        page.track(1);
        page.advance(14_999);
        assert_eq!(page.heartbeat().as_deref(), Some("1:2"));
        page.advance(1);
        assert_eq!(page.heartbeat().as_deref(), Some("2:3"));
        page.server = Some(ok());
        page.answer_all(&ok());
        page.advance(120_000);
        assert_eq!((page.heartbeat(), page.counters().queued), (None, 0));
        let writes = page.log.borrow().writes.len();
        page.advance(120_000);
        assert_eq!(page.log.borrow().writes.len(), writes, "nothing waits, so nothing is written");
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn events_that_are_answered_soon_cost_no_heartbeat() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.server = Some(ok());
        page.track(1);
        page.advance(20_000);
        page.event(PageEvent::Left);
        let log = page.log.borrow();
        assert!(!log.writes.iter().any(|(_, key)| key.contains(":p:")), "{:?}", log.writes);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn an_event_that_only_memory_has_writes_a_heartbeat_at_once() {
    fn check<C: PageClient>() {
        let mut page =
            Page::<C>::open(&site(), Options { storage_bytes_max: 0, ..Options::default() });
        page.database = false;
        page.track(1);
        assert_eq!(page.heartbeat().as_deref(), Some("1:2"));
        page.advance(15_000);
        assert_eq!(page.heartbeat().as_deref(), Some("2:2"));
        // A dropped number is known after the next task.
        let mut page = opened::<C>();
        page.track(PROPERTIES_BYTES_MAX);
        assert_eq!(page.wakes_in_ms(), Some(0));
        page.run();
        assert_eq!(page.heartbeat().as_deref(), Some("1:2"));
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}
