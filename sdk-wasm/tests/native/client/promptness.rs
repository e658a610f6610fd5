//! How soon things happen, to the millisecond where the documentation gives a time.

use lamplight_sdk::client::{Client, FirstClient, FullClient};
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{PageEvent, StorageError};
use lamplight_wire::limits::PROPERTIES_BYTES_MAX;

use crate::page::{
    FirstPage, FullPage, Page, PageClient, PagePorts, ok, retry_after, site, status,
};

fn opened<C: PageClient>() -> Page<C> {
    Page::open(&site(), Options::default())
}

/// A page that has just sent an event and received the response.
fn sent_one<C: PageClient>(options: Options) -> Page<C> {
    let mut page = Page::open(&site(), options);
    page.track(1);
    page.run();
    page.answer_all(&ok());
    page.take_sent();
    page
}

#[test]
fn the_first_event_is_sent_at_once_and_the_next_after_the_interval() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.advance(100);
        page.track(1);
        assert_eq!(page.wakes_in_ms(), Some(0));
        page.run();
        assert_eq!((page.sent().len(), page.counters().last_flush), (1, 1));
        page.advance(50);
        page.answer_all(&ok());
        page.track(1);
        page.advance(449);
        assert_eq!(page.sent().len(), 1);
        page.advance(1);
        assert_eq!(page.sent().len(), 2);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_full_batch_does_not_wait_for_the_interval() {
    fn check<C: PageClient>() {
        for (events, is_full) in [(99, false), (100, true)] {
            let mut page = sent_one::<C>(Options::default());
            for _ in 0..events {
                page.track(1);
            }
            page.run();
            assert_eq!(page.sent().len(), usize::from(is_full), "{events}");
            page.advance(500);
            assert_eq!(page.sent()[0].events().len(), events);
        }
        for (bytes, is_full) in [(9_999, false), (10_000, true)] {
            let options = Options { batch_bytes_max: 10_000, ..Options::default() };
            let mut page = sent_one::<C>(options);
            page.track_bytes(bytes);
            page.run();
            assert_eq!(page.sent().len(), usize::from(is_full), "{bytes}");
            assert!(!is_full || page.counters().last_flush == 2);
        }
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_batch_has_at_most_the_events_and_bytes_of_the_options() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        for _ in 0..250 {
            page.track(1);
        }
        for expected in [100, 100, 50] {
            page.run();
            let sent = page.take_sent();
            assert_eq!(sent[0].events().len(), expected);
            page.answer(sent[0].id, &ok());
            page.advance(500);
        }
        // Between two events is a comma.
        for (batch_bytes_max, events) in [(1_001, 2), (1_002, 2), (1_000, 1), (400, 1)] {
            let mut page =
                Page::<C>::open(&site(), Options { batch_bytes_max, ..Options::default() });
            page.track_bytes(500);
            page.track_bytes(500);
            page.run();
            assert_eq!(page.sent()[0].events().len(), events, "{batch_bytes_max}");
        }
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn events_that_only_memory_has_are_sent_first() {
    fn check<C: PageClient>() {
        let mut page = Page::<C>::open(&site(), Options { events_max: 2, ..Options::default() });
        page.database = false;
        page.track(1);
        page.track(1);
        page.site.borrow_mut().refuses = Some(StorageError::Blocked);
        page.track(1);
        page.run();
        let producer = page.client.producer();
        assert_eq!(page.sent()[0].events(), [(producer, 3), (producer, 1)]);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn the_network_s_return_ends_a_wait_at_once_unless_the_server_set_it() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.track(1);
        page.run();
        page.answer_all(&status(401));
        page.advance(100);
        assert_ne!(page.wakes_in_ms(), Some(0));
        page.event(PageEvent::Online);
        assert_eq!((page.wakes_in_ms(), page.counters().backoff_ms), (Some(0), 0));
        page.run();
        assert_eq!((page.sent().len(), page.counters().last_flush), (2, 6));

        let mut page = opened::<C>();
        page.track(1);
        page.run();
        page.answer_all(&retry_after(7_000));
        let wait_ms = page.counters().backoff_ms;
        page.event(PageEvent::Online);
        page.advance(wait_ms - 1);
        assert_eq!(page.sent().len(), 1);
        page.advance(1);
        assert_eq!(page.sent().len(), 2);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

/// The waits after the first failures, with these random bits.
fn waits(random: impl Fn(u64) -> u32) -> Vec<u64> {
    let mut page = opened::<FirstClient<PagePorts>>();
    page.track(1);
    (1..=8)
        .map(|failure| {
            page.site.borrow_mut().fixed_random = Some(random(failure));
            page.run();
            page.answer_all(&status(500));
            let wait_ms = page.counters().backoff_ms;
            page.advance(wait_ms);
            wait_ms
        })
        .collect()
}

#[test]
fn waits_lie_between_one_second_and_a_bound_that_doubles_up_to_a_minute() {
    assert_eq!(waits(|_| 0), [1_000; 8]);
    let bounds = [2, 4, 8, 16, 32, 60, 60, 60].map(|seconds: u32| seconds * 1_000);
    let highest = waits(|failure| bounds[usize::try_from(failure).unwrap() - 1] - 1_000);
    assert_eq!(highest, bounds.map(u64::from));
    // One more random step begins at the bottom again.
    let again = waits(|failure| bounds[usize::try_from(failure).unwrap() - 1] - 999);
    assert_eq!(again, [1_000; 8]);
}

#[test]
fn a_retry_after_time_is_spread_by_less_than_a_second_and_lasts_an_hour_at_most() {
    for (asked_ms, random, expected_ms) in [
        (7_000, 0, 7_000),
        (7_000, 999, 7_999),
        (7_000, 1_000, 7_000),
        (3_600_000, 0, 3_600_000),
        (3_600_001, 0, 3_600_000),
    ] {
        let mut page = opened::<FirstClient<PagePorts>>();
        page.track(1);
        page.run();
        page.site.borrow_mut().fixed_random = Some(random);
        page.answer_all(&retry_after(asked_ms));
        assert_eq!(page.counters().backoff_ms, expected_ms);
    }
}

#[test]
fn the_page_that_retries_for_all_waits_at_most_five_seconds() {
    let mut page = opened::<FullClient<PagePorts>>();
    page.site.borrow_mut().fixed_random = Some(59_000);
    page.track(1);
    page.server = Some(status(500));
    page.advance(20_000);
    let requests = page.sent().len();
    page.advance(60_000);
    let more = page.sent().len() - requests;
    assert!((11..=60).contains(&more), "{more} requests in a minute");
    let at_ms: Vec<u64> = page.sent().iter().map(|sent| sent.at_ms).collect();
    assert!(at_ms.windows(2).all(|pair| pair[1] - pair[0] <= 5_500), "{at_ms:?}");
}

#[test]
fn a_page_loads_the_full_client_after_three_seconds() {
    let mut page = opened::<FirstClient<PagePorts>>();
    page.advance(2_999);
    assert!(page.log.borrow().loads.is_empty());
    page.advance(1);
    assert_eq!(page.log.borrow().loads, [4_000]);
    // It asks again once a minute, and trouble does not make that more often.
    page.track(1);
    page.run();
    page.answer_all(&status(500));
    page.advance(130_000);
    assert_eq!(page.log.borrow().loads, [4_000, 64_000, 124_000]);
}

#[test]
fn trouble_loads_the_full_client_after_a_tenth_of_a_second() {
    type Trouble<'a> = (&'a str, &'a dyn Fn(&mut FirstPage));
    let troubles: [Trouble<'_>; 5] = [
        ("a failed request", &|page| {
            page.run();
            page.answer_all(&status(500));
        }),
        ("a full quota", &|page| {
            page.site.borrow_mut().refuses = Some(StorageError::QuotaExceeded);
            page.track(1);
        }),
        ("blocked storage", &|page| {
            page.site.borrow_mut().refuses = Some(StorageError::Blocked);
            page.track(1);
        }),
        ("withdrawn consent", &|page| page.client.withdraw(false)),
        ("consent withdrawn elsewhere", &|page| {
            page.site.borrow_mut().values.insert("ll:o".into(), "1".into());
            page.run();
        }),
    ];
    for (name, trouble) in troubles {
        let mut page = opened::<FirstClient<PagePorts>>();
        page.track(1);
        trouble(&mut page);
        page.advance(99);
        assert!(page.log.borrow().loads.is_empty(), "{name}");
        page.advance(1);
        assert_eq!(page.log.borrow().loads, [1_100], "{name}");
    }
    // An event that is too large needs no full client.
    let mut page = opened::<FirstClient<PagePorts>>();
    page.track(PROPERTIES_BYTES_MAX);
    page.advance(2_900);
    assert!(page.log.borrow().loads.is_empty());
}

#[test]
fn a_request_that_times_out_loads_the_full_client() {
    let mut page = opened::<FirstClient<PagePorts>>();
    page.track(1);
    page.advance(30_000);
    // At 63,999 ms at the latest it would have asked again anyway.
    assert_eq!(page.log.borrow().loads, [4_000]);
    assert_eq!(page.counters().last_error, 1);
    assert_eq!(page.counters().queued_bytes, page.sent()[0].event_bytes() as u64);
}

#[test]
fn a_page_with_nothing_to_do_sets_no_timer_before_the_next_scan() {
    let mut page = opened::<FullClient<PagePorts>>();
    page.advance(1_100);
    assert_eq!(page.wakes_in_ms(), Some(3_100));
    let mut page: FullPage = opened();
    page.event(PageEvent::Frozen);
    page.event(PageEvent::Back);
    assert_eq!(page.wakes_in_ms(), Some(0), "a page that is back looks at storage at once");
}

#[test]
fn while_another_page_retries_for_all_a_page_waits_a_minute_longer() {
    let mut page = opened::<FullClient<PagePorts>>();
    page.site.borrow_mut().fixed_random = Some(0);
    let other = lamplight_wire::Producer::from_bits(77);
    page.site.borrow_mut().live.push(other);
    page.track(1);
    page.run();
    page.answer_all(&status(500));
    page.site.borrow_mut().values.insert("ll:l:lease".into(), format!("{other}:1:1"));
    page.advance(200);
    for beat in 2..=6 {
        page.advance(10_000);
        let lease = format!("{other}:1:{beat}");
        page.site.borrow_mut().values.insert("ll:l:lease".into(), lease);
    }
    assert_eq!(page.sent().len(), 1);
    // One second after the failure and sixty more.
    page.advance(10_799);
    assert_eq!(page.sent().len(), 1);
    page.advance(1);
    assert_eq!(page.sent().len(), 2);
}

#[test]
fn when_the_other_page_has_succeeded_a_page_sends_with_its_next_scan() {
    let mut page = opened::<FullClient<PagePorts>>();
    page.site.borrow_mut().fixed_random = Some(0);
    let other = lamplight_wire::Producer::from_bits(77);
    page.site.borrow_mut().live.push(other);
    page.track(1);
    page.run();
    page.answer_all(&status(500));
    page.site.borrow_mut().values.insert("ll:l:lease".into(), format!("{other}:1:1"));
    page.advance(10_000);
    assert_eq!(page.sent().len(), 1);
    page.site.borrow_mut().values.remove("ll:l:lease");
    page.advance(2_500);
    assert_eq!(page.sent().len(), 2);
}
