//! What a flush that the page's code requested tells at its end.

use lamplight_sdk::client::{FirstClient, FullClient};
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::PageEvent;

use crate::page::{Page, PageClient, PagePorts, numbers, ok, site, status};

fn opened<C: PageClient>() -> Page<C> {
    Page::open(&site(), Options::default())
}

#[test]
fn a_flush_ends_once_with_what_was_accepted_since() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.track(1);
        page.run();
        page.answer_all(&ok());
        page.track(1);
        page.track(1);
        page.take_notes();
        page.flush();
        page.flush();
        assert_eq!(page.take_notes(), []);
        page.run();
        assert_eq!(page.counters().last_flush, 4);
        page.track(1);
        page.answer_all(&ok());
        // The new event has to be sent as well.
        let producer = page.client.producer();
        assert_eq!(page.take_notes(), [Note::Delivered { producer, seqs: numbers(2, 3) }]);
        page.run();
        page.answer_all(&ok());
        let flushed = Note::Flushed { sent: 3, queued: 0, status: None };
        assert_eq!(page.take_notes()[1..], [flushed]);
        page.advance(10_000);
        assert!(!page.take_notes().iter().any(|note| matches!(note, Note::Flushed { .. })));
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_flush_of_nothing_ends_at_once() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.flush();
        assert_eq!(page.take_notes(), [Note::Flushed { sent: 0, queued: 0, status: None }]);
        // An error from before does not belong to this flush.
        page.track(1);
        page.run();
        page.answer_all(&status(503));
        page.advance(60_000);
        page.answer_all(&ok());
        page.take_notes();
        page.flush();
        assert_eq!(page.take_notes(), [Note::Flushed { sent: 0, queued: 0, status: None }]);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_flush_ends_with_the_status_of_the_failure() {
    fn check<C: PageClient>() {
        let mut page = opened::<C>();
        page.track(1);
        page.track(1);
        page.flush();
        page.run();
        page.answer_all(&status(502));
        let notes = page.take_notes();
        let flushed = Note::Flushed { sent: 0, queued: 2, status: Some(502) };
        assert_eq!(notes[1..], *std::slice::from_ref(&flushed));
        // During the wait, a flush ends at once.
        page.flush();
        assert_eq!(page.take_notes(), [flushed]);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}

#[test]
fn a_flush_ends_when_the_page_is_left_or_consent_is_withdrawn() {
    fn check<C: PageClient>() {
        let flushed = |page: &mut Page<C>| {
            page.take_notes()
                .into_iter()
                .filter(|note| matches!(note, Note::Flushed { .. }))
                .count()
        };
        let mut page = opened::<C>();
        page.track(1);
        page.flush();
        page.event(PageEvent::Hidden);
        assert_eq!(flushed(&mut page), 0);
        page.event(PageEvent::Left);
        assert_eq!(flushed(&mut page), 1);
        page.answer_all(&ok());
        assert_eq!(flushed(&mut page), 0);

        let mut page = opened::<C>();
        page.track(1);
        page.run();
        page.flush();
        page.client.withdraw(false);
        page.answer_all(&ok());
        assert_eq!(flushed(&mut page), 1);
    }
    check::<FirstClient<PagePorts>>();
    check::<FullClient<PagePorts>>();
}
