//! What the client tells the page's code: each fact once, and nothing that did not happen.

use lamplight_sdk::client::{Client, FirstClient, FullClient};
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{PageEvent, Response, StorageError};
use lamplight_wire::limits::PROPERTIES_BYTES_MAX;
use lamplight_wire::reason::DropReason;

use crate::page::{
    FullPage, Page, PageClient, PagePorts, Sent, numbers, ok, problem, retry_after, site, status,
};

fn opened<C: PageClient>() -> Page<C> {
    Page::open(&site(), Options::default())
}

#[test]
fn accepted_events_are_delivered_once_each() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        let producer = page.client.producer();
        for _ in 0..3 {
            page.track(1);
        }
        page.run();
        page.track(1);
        let sent = page.sent();
        assert_eq!(page.take_notes(), [], "nothing was accepted yet");
        page.answer(sent[0].id, &ok());
        assert_eq!(page.take_notes(), [Note::Delivered { producer, seqs: numbers(1, 3) }]);
        assert!(page.client.is_queued(4) && !page.client.is_queued(3));
        page.client.answered(sent[0].id, &ok());
        assert_eq!(page.take_notes(), [], "the same response again");
        page.advance(500);
        page.answer_all(&ok());
        assert_eq!(page.take_notes(), [Note::Delivered { producer, seqs: numbers(4, 4) }]);
        assert_eq!(page.counters().sent, 4);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_failure_is_told_with_its_status_and_wait_and_delivers_nothing() {
    fn check<C: PageClient>() {
        for response in [
            status(0),
            status(204),
            status(301),
            status(404),
            status(401),
            status(500),
            retry_after(7_000),
            Response { status: 200, body: "<h1>Welcome</h1>".into(), retry_after_ms: None },
        ] {
            let mut page = opened::<C>();
            page.track(1);
            page.run();
            page.answer_all(&response);
            let notes = page.take_notes();
            let [Note::Failed { status, wait_ms }] = notes[..] else { panic!("{notes:?}") };
            assert_eq!((status, wait_ms), (response.status, page.counters().backoff_ms));
            let bounds = match response.retry_after_ms {
                Some(ms) => ms..=ms + 999,
                None if status == 401 => 60_000..=60_000,
                None => 1_000..=2_000,
            };
            assert!(bounds.contains(&wait_ms), "{wait_ms} after {status}");
            assert_eq!(page.counters().last_error, u64::from(status) + 1);
            assert_eq!((page.counters().queued, page.counters().sent), (1, 0));
        }
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_request_without_a_response_fails_after_thirty_seconds() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.track(1);
        page.run();
        let id = page.sent()[0].id;
        page.take_notes();
        page.advance(29_999);
        assert_eq!(page.take_notes(), []);
        page.advance(1);
        let notes = page.take_notes();
        assert!(matches!(notes[..], [Note::Failed { status: 0, .. }]), "{notes:?}");
        assert_eq!(page.log.borrow().aborted, [id]);
        page.client.answered(id, &ok());
        assert_eq!((page.take_notes(), page.counters().sent), (vec![], 0), "it comes too late");
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_dropped_event_is_told_and_counted_once() {
    fn check<C: PageClient>() {
        let options = Options { memory_bytes_max: 0, ..Options::default() };
        let mut page = Page::<C>::open(&site(), options);
        page.database = false;
        let producer = page.client.producer();
        page.track(PROPERTIES_BYTES_MAX);
        let dropped = |seq, reason| Note::Dropped { producer, seq, reason };
        assert_eq!(page.take_notes(), [dropped(1, DropReason::TooLarge)]);
        page.site.borrow_mut().refuses = Some(StorageError::Blocked);
        page.track(1);
        assert_eq!(page.take_notes(), [dropped(2, DropReason::Quota)]);
        page.site.borrow_mut().refuses = None;
        page.track(1);
        assert_eq!(page.take_notes(), []);
        page.client.withdraw(false);
        assert_eq!(page.take_notes(), [dropped(3, DropReason::OptedOut), Note::Withdrawn]);
        page.advance(3_000);
        page.answer_all(&ok());
        assert_eq!(page.take_notes(), []);
        let counters = page.counters();
        let [quota, rejected] = [counters.quota, counters.rejected];
        assert_eq!([quota, rejected, counters.too_large, counters.opted_out], [1, 0, 1, 1]);
        assert_eq!((counters.made, counters.queued), (3, 0));
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_rejected_event_is_found_by_halving_and_told_once() {
    for (response, reason) in
        [(problem(400), DropReason::Rejected), (problem(413), DropReason::TooLarge)]
    {
        let mut page = opened::<FullClient<PagePorts>>();
        let producer = page.client.producer();
        for _ in 0..16 {
            page.track(1);
        }
        // The server cannot take the sixth event.
        let mut sizes = Vec::new();
        let mut at_ms = Vec::new();
        for _ in 0..60 {
            page.advance(100);
            for sent in page.unanswered() {
                sizes.push(sent.events().len());
                at_ms.push(sent.at_ms);
                let is_refused = sent.events().contains(&(producer, 6));
                page.answer(sent.id, &if is_refused { response.clone() } else { ok() });
            }
        }
        // The batches double again after each success.
        assert_eq!(sizes[..7], [16, 8, 4, 8, 4, 2, 1], "{sizes:?}");
        let notes = page.take_notes();
        let dropped: Vec<_> =
            notes.iter().filter(|note| matches!(note, Note::Dropped { .. })).collect();
        assert_eq!(dropped, [&Note::Dropped { producer, seq: 6, reason }]);
        let mut delivered = lamplight_wire::Ranges::new();
        for note in &notes {
            match note {
                Note::Delivered { seqs, .. } => {
                    assert_eq!(seqs.minus(&delivered), *seqs, "told twice");
                    delivered.union(seqs);
                }
                Note::Dropped { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(delivered, [(1, 5), (7, 16)].into_iter().collect());
        let declared: Vec<_> = page.sent().iter().flat_map(Sent::dropped).collect();
        assert_eq!(declared, [(producer, reason.code().to_owned(), numbers(6, 6))]);
        assert_eq!((page.counters().queued, page.counters().sent), (0, 15));
        // No wait was needed in between: the server works.
        assert!(at_ms[8] - at_ms[0] <= 1_000, "{at_ms:?}");
    }
}

#[test]
fn a_first_client_leaves_rejected_events_to_the_full_one() {
    let mut page = opened::<FirstClient<PagePorts>>();
    page.track(1);
    page.run();
    page.answer_all(&problem(400));
    let notes = page.take_notes();
    assert!(matches!(notes[..], [Note::Failed { status: 400, .. }]), "{notes:?}");
    assert_eq!((page.counters().queued, page.counters().rejected), (1, 0));
    page.advance(100);
    assert_eq!(page.log.borrow().loads.len(), 1);
}

#[test]
fn adopted_events_are_told_once_as_the_other_page_s() {
    let site = site();
    let mut gone = FullPage::open(&site, Options::default());
    for _ in 0..3 {
        gone.track(1);
    }
    gone.event(PageEvent::Left);
    let other = gone.kill();
    let mut page = FullPage::open(&site, Options::default());
    page.advance(20_000);
    assert_eq!(page.take_notes(), []);
    assert_eq!(page.full_stats()["foreign"], 3);
    let id = page.sent()[1].id;
    page.answer_all(&ok());
    assert_eq!(page.take_notes(), [Note::Adopted { producer: other, seqs: numbers(1, 3) }]);
    page.client.answered(id, &ok());
    page.server = Some(ok());
    page.advance(60_000);
    assert_eq!(page.take_notes(), []);
    let stats = page.full_stats();
    assert_eq!((stats["adopted"].as_u64(), stats["foreign"].as_u64()), (Some(3), Some(0)));
    assert_eq!((page.counters().sent, page.counters().made), (0, 0));
    assert_eq!(page.sent().len(), 2, "nothing is sent again after the question and the events");
    assert_eq!(site.borrow().keys("ll:q:"), site.borrow().keys("ll:p:"), "something is left");
}

#[test]
fn a_rejected_orphaned_event_is_told_and_declared_once() {
    let site = site();
    let mut gone = FullPage::open(&site, Options::default());
    gone.track(1);
    gone.track(1);
    gone.event(PageEvent::Left);
    let other = gone.kill();
    let mut page = FullPage::open(&site, Options::default());
    for _ in 0..600 {
        page.advance(100);
        for sent in page.unanswered() {
            let is_refused = sent.events().contains(&(other, 2));
            page.answer(sent.id, &if is_refused { problem(400) } else { ok() });
        }
    }
    let notes = page.take_notes();
    let adopted = Note::Adopted { producer: other, seqs: numbers(1, 1) };
    let dropped = Note::Dropped { producer: other, seq: 2, reason: DropReason::Rejected };
    assert_eq!(notes, [adopted, dropped]);
    let declared: Vec<_> = page.sent().iter().flat_map(Sent::dropped).collect();
    assert_eq!(declared, [(other, "rejected".to_owned(), numbers(2, 2))]);
    assert_eq!(page.counters().rejected, 1);
    assert_eq!(site.borrow().keys("ll:q:"), site.borrow().keys("ll:p:"), "something is left");
}
