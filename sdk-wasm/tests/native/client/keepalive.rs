//! Requests that may outlive the page: which ones, and how much the browser allows.

use lamplight_sdk::client::{FirstClient, FullClient};
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{PageEvent, StorageError};
use lamplight_wire::Producer;
use lamplight_wire::limits::KEEPALIVE_BYTES_MAX;

use crate::page::{FullPage, Page, PageClient, PagePorts, Sent, ok, retry_after, site, status};

/// The largest request that outlives the page although the page stays: 16 KiB.
const SMALL_BYTES_MAX: usize = 16 * 1024;
/// What the client leaves of the budget for the envelope around the events.
const ENVELOPE_BYTES: usize = 1024;

fn opened<C: PageClient>() -> Page<C> {
    Page::open(&site(), Options::default())
}

fn only(mut sent: Vec<Sent>) -> Sent {
    assert_eq!(sent.len(), 1);
    sent.remove(0)
}

#[test]
fn a_page_that_is_hidden_frozen_or_left_sends_in_the_same_call() {
    fn check<C: PageClient>() {
        for event in [PageEvent::Hidden, PageEvent::Frozen, PageEvent::Left] {
            let mut page = opened::<C>();
            page.track(1);
            page.run();
            page.answer_all(&ok());
            page.take_sent();
            // The interval since the last request is not over.
            page.track(1);
            page.track(1);
            page.event(event);
            let sent = only(page.sent());
            assert_eq!((sent.events().len(), sent.keepalive), (2, true), "{event:?}");
            assert_eq!(page.counters().last_flush, 3);
        }
        let mut page = opened::<C>();
        page.track(1);
        page.event(PageEvent::Visible);
        assert!(page.sent().is_empty());
        page.client.close();
        assert!(only(page.sent()).keepalive);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_page_without_events_sends_nothing_when_it_closes() {
    fn check<C: PageClient>() {
        for event in [PageEvent::Hidden, PageEvent::Frozen, PageEvent::Left] {
            let mut page = opened::<C>();
            page.event(event);
            assert!(page.sent().is_empty());
            assert_eq!(page.heartbeat(), None);
        }
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn only_small_requests_outlive_a_page_that_stays() {
    fn check<C: PageClient>() {
        let envelope = {
            let mut page = opened::<C>();
            page.track(1);
            page.run();
            let sent = only(page.sent());
            sent.body.len() - sent.event_bytes()
        };
        for (more, is_small) in [(-1, true), (0, true), (1, false)] {
            let mut page = opened::<C>();
            page.track_bytes((SMALL_BYTES_MAX - envelope).saturating_add_signed(more));
            page.run();
            assert_eq!(only(page.sent()).keepalive, is_small, "{more}");
        }
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_page_that_leaves_does_not_repeat_what_was_small_once_it_was_compressed() {
    fn check<C: PageClient>() {
        for (compressed, repeated) in [(0, 1), (5_000, 0)] {
            let mut page = opened::<C>();
            page.track_bytes(30_000);
            page.run();
            let first = only(page.sent());
            assert!(!first.keepalive);
            page.log.borrow_mut().outliving.insert(first.id, compressed);
            page.track_bytes(20_000);
            page.event(PageEvent::Left);
            let last = page.sent().split_off(1);
            let events: Vec<usize> = last.iter().map(|sent| sent.events().len()).collect();
            assert_eq!(events, [repeated + 1]);
            assert_eq!(page.log.borrow().aborted.len(), repeated);
        }
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn no_request_outlives_the_page_while_the_server_fails_unless_it_is_hidden() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.track(1);
        page.run();
        page.answer_all(&status(500));
        page.take_sent();
        page.advance(60_000);
        assert!(!page.sent()[0].keepalive);
        page.answer_all(&ok());
        page.take_sent();
        page.track(1);
        page.advance(1_000);
        assert!(only(page.sent()).keepalive, "the server works again");
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn while_the_server_fails_a_hidden_page_sends_only_what_no_key_has() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.database = false;
        page.track(1);
        page.run();
        page.answer_all(&retry_after(30_000));
        page.take_sent();
        page.event(PageEvent::Hidden);
        assert!(page.sent().is_empty());
        page.site.borrow_mut().refuses = Some(StorageError::Blocked);
        page.track(1);
        page.event(PageEvent::Hidden);
        let sent = only(page.sent());
        assert_eq!((sent.events().len(), sent.events()[0].1, sent.keepalive), (1, 2, true));
        page.answer_all(&status(500));
        // The wait is over, and the server was not asked again yet.
        page.take_sent();
        page.site.borrow_mut().now_ms += 70_000;
        page.event(PageEvent::Hidden);
        assert_eq!(only(page.sent()).events().len(), 2);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn closing_sends_as_much_as_the_browser_allows_to_the_byte() {
    fn check<C: PageClient>() {
        let room = KEEPALIVE_BYTES_MAX - ENVELOPE_BYTES;
        let options = Options { batch_bytes_max: 70_000, ..Options::default() };
        for (more, events) in [(-1, 2), (0, 2), (1, 1)] {
            let mut page = Page::<C>::open(&site(), options.clone());
            page.track_bytes(32_000);
            page.track_bytes((room - 32_000 - 1).saturating_add_signed(more));
            page.event(PageEvent::Hidden);
            let first = page.sent()[0].clone();
            assert_eq!(first.events().len(), events, "{more}");
            // What the first request left of the budget is too little for the second event.
            assert_eq!(page.sent().len(), 1);
        }
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn an_event_that_is_alone_over_the_budget_stays_queued() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.track_bytes(30_000);
        page.event(PageEvent::Hidden);
        page.track_bytes(32_000);
        page.track_bytes(32_000);
        page.event(PageEvent::Hidden);
        assert_eq!(page.sent().len(), 2, "the third has no room in the budget");
        let waiting = page.counters().queued_bytes;
        assert_eq!(waiting, 32_000);
        page.event(PageEvent::Left);
        assert_eq!(page.sent().len(), 2);
        // Answers give the budget back.
        page.answer_all(&ok());
        page.event(PageEvent::Back);
        page.event(PageEvent::Hidden);
        assert_eq!(page.sent().len(), 3);
        page.answer_all(&ok());
        assert_eq!(page.counters().queued, 0);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn several_requests_share_the_budget() {
    fn check<C: PageClient>() {
        let options = Options { batch_bytes_max: 20_000, ..Options::default() };
        let mut page = Page::<C>::open(&site(), options);
        for _ in 0..8 {
            page.track_bytes(9_990);
        }
        page.event(PageEvent::Hidden);
        // Three times two events, and no room for a fourth request of two: only for nothing.
        let events: Vec<usize> = page.sent().iter().map(|sent| sent.events().len()).collect();
        assert_eq!(events, [2, 2, 2]);
        assert!(page.sent().iter().all(|sent| sent.keepalive));
        let bytes: usize = page.sent().iter().map(|sent| sent.body.len()).sum();
        assert!(bytes <= KEEPALIVE_BYTES_MAX, "{bytes}");
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_page_that_leaves_repeats_the_requests_that_end_with_it() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.track_bytes(17_000);
        page.run();
        let first = only(page.sent());
        assert!(!first.keepalive);
        page.event(PageEvent::Hidden);
        assert_eq!(page.sent().len(), 1, "a hidden page goes on");
        page.event(PageEvent::Left);
        let second = page.sent()[1].clone();
        assert_eq!((second.events(), second.keepalive), (first.events(), true));
        assert_eq!(page.log.borrow().aborted, [first.id]);

        let mut page = opened::<C>();
        page.track(1);
        page.run();
        page.event(PageEvent::Left);
        assert_eq!(page.sent().len(), 1, "this one outlives the page anyway");
        assert!(page.log.borrow().aborted.is_empty());
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn an_adopted_request_never_outlives_the_page() {
    let site = site();
    let mut gone = FullPage::open(&site, Options::default());
    gone.track(1);
    gone.event(PageEvent::Left);
    let producer: Producer = gone.kill();
    let mut page = FullPage::open(&site, Options::default());
    page.advance(30_000);
    let sent = page.sent();
    let [question, batch] = &sent[..] else { panic!("{sent:?}") };
    assert!(question.asks_arrived() && !question.keepalive);
    assert_eq!((batch.events(), batch.keepalive), (vec![(producer, 1)], false));
    assert_eq!(page.counters().last_flush, 5);
    page.event(PageEvent::Left);
    assert_eq!(page.log.borrow().aborted, [batch.id]);
    assert_eq!(page.sent().len(), 2);
}

#[test]
fn declarations_alone_are_not_sent_while_the_page_closes() {
    let mut page = opened::<FullClient<PagePorts>>();
    page.track(40_000);
    page.event(PageEvent::Hidden);
    assert!(page.sent().is_empty());
    page.run();
    assert_eq!(only(page.sent()).dropped().len(), 1);
    // With events they are.
    let mut page = opened::<FullClient<PagePorts>>();
    page.track(40_000);
    page.track(1);
    page.event(PageEvent::Hidden);
    assert_eq!(only(page.sent()).dropped().len(), 1);
}

#[test]
fn a_frozen_or_left_page_runs_no_timer_and_goes_on_when_it_is_back() {
    fn check<C: PageClient>() {
        for event in [PageEvent::Frozen, PageEvent::Left] {
            let mut page = opened::<C>();
            page.track(1);
            page.event(event);
            page.answer_all(&status(500));
            assert_eq!(page.client.next_wake_ms(), None);
            page.client.timer_fired();
            assert_eq!(page.sent().len(), 1);
            assert_eq!(page.log.borrow().holds, [true, false]);
            page.event(PageEvent::Back);
            assert_eq!(page.log.borrow().holds, [true, false, true]);
            page.event(PageEvent::Back);
            assert_eq!(page.log.borrow().holds, [true, false, true], "it was back already");
            page.advance(70_000);
            assert!(page.sent().len() > 1);
        }
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_page_that_is_back_sends_without_waiting_for_the_interval() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.track(1);
        page.event(PageEvent::Left);
        page.answer_all(&ok());
        page.track(1);
        page.event(PageEvent::Back);
        page.run();
        assert_eq!(page.sent().len(), 2);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_closed_client_takes_no_event_and_never_comes_back() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.client.close();
        assert_eq!(page.track(1).seq, 0);
        page.event(PageEvent::Back);
        assert_eq!(page.client.next_wake_ms(), None);
        assert_eq!(page.counters().made, 0);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_page_that_left_says_so_in_its_heartbeat_until_it_is_back() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.track(1);
        page.track(1);
        page.event(PageEvent::Left);
        assert_eq!(page.heartbeat().as_deref(), Some("gone:3"));
        page.event(PageEvent::Back);
        assert_eq!(page.heartbeat().as_deref(), Some("2:3"));
        page.answer_all(&ok());
        page.event(PageEvent::Left);
        assert_eq!(page.heartbeat(), None);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}
