//! Asking which events of pages that were left have arrived.

use lamplight_sdk::client::Client;
use lamplight_sdk::keys::StorageKeys;
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{PageEvent, Response};
use lamplight_wire::Producer;
use lamplight_wire::batch::Body;
use lamplight_wire::limits::PRODUCERS_MAX;

use crate::page::orphans::{ADOPTED_WITHIN_MS, GONE, adopted, declared_next, event_text, leave};
use crate::page::{FullPage, Sent, numbers, ok, site, status};

/// A page whose questions the test answers.
fn opened() -> FullPage {
    let mut page = FullPage::open(&site(), Options::default());
    page.answers_questions = false;
    page
}

fn questions(page: &FullPage) -> Vec<Sent> {
    page.sent().into_iter().filter(Sent::asks_arrived).collect()
}

/// Whether neither events nor heartbeats are in storage.
fn is_empty(page: &FullPage) -> bool {
    ["ll:q:", "ll:p:"].iter().all(|start| page.site.borrow().keys(start).is_empty())
}

/// The answer that these numbers have arrived.
fn arrived(members: &[(Producer, &str)]) -> Response {
    let members: Vec<String> =
        members.iter().map(|(it, seqs)| format!(r#""{it}":{seqs}"#)).collect();
    let body = format!(r#"{{"status":"OK","payload":"1","arrived":{{{}}}}}"#, members.join(","));
    Response { body, ..ok() }
}

/// Answers the question that the page asks.
fn answer(page: &mut FullPage, response: &Response) {
    let [question] = &page.unanswered()[..] else { panic!("{:?}", page.unanswered()) };
    assert!(question.asks_arrived(), "{question:?}");
    page.answer(question.id, response);
}

#[test]
fn events_that_have_arrived_are_removed_and_not_sent() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=5, 300);
    page.advance(ADOPTED_WITHIN_MS);
    let [question] = &page.sent()[..] else { panic!("{:?}", page.sent()) };
    assert!(question.asks_arrived() && question.events().is_empty() && !question.keepalive);
    assert!(question.body.len() < 120, "{}", question.body);
    assert_eq!(declared_next(&page, GONE[0]), 6);
    assert_eq!(page.site.borrow().keys("ll:q:").len(), 5, "nothing is removed before the answer");
    answer(&mut page, &arrived(&[(GONE[0], "[[1,5]]")]));
    assert!(is_empty(&page));
    assert_eq!(page.take_notes(), [Note::Adopted { producer: GONE[0], seqs: numbers(1, 5) }]);
    page.advance(60_000);
    assert_eq!(page.sent().len(), 1, "no further request");
    assert_eq!(page.full_stats()["adopted"], 5);
    assert!(!page.client.holds_lease());
}

#[test]
fn only_what_has_not_arrived_is_sent() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=5, 100);
    leave(&page, GONE[1], 1..=2, 100);
    page.advance(ADOPTED_WITHIN_MS);
    assert_eq!(Body::read(&page.sent()[0].body).unwrap().producers.len(), 2);
    // Numbers above those that are asked about are the server's business.
    answer(&mut page, &arrived(&[(GONE[0], "[[1,2],[4,4],[90,99]]")]));
    page.run();
    assert_eq!(adopted(&page), [[(GONE[0], 3), (GONE[0], 5), (GONE[1], 1), (GONE[1], 2)]]);
    page.server = Some(ok());
    page.settle();
    assert!(is_empty(&page));
    assert_eq!(questions(&page).len(), 1);
}

#[test]
fn an_answer_about_another_producer_removes_nothing() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=2, 100);
    page.advance(ADOPTED_WITHIN_MS);
    answer(&mut page, &arrived(&[(GONE[1], "[[1,2]]")]));
    assert_eq!(page.site.borrow().keys("ll:q:").len(), 2);
}

#[test]
fn without_an_answer_every_event_is_sent_and_nothing_is_asked_again() {
    let portal = Response { status: 200, body: "<h1>Welcome</h1>".into(), retry_after_ms: None };
    let torn = Response { body: arrived(&[(GONE[0], "[[1,3]]")]).body.replace("OK", ""), ..ok() };
    let refused = [0, 400, 401, 404, 405, 413, 500, 503].map(status);
    for response in refused.into_iter().chain([ok(), portal, torn]) {
        let mut page = opened();
        leave(&page, GONE[0], 1..=3, 100);
        page.advance(ADOPTED_WITHIN_MS);
        answer(&mut page, &response);
        assert_eq!(page.site.borrow().keys("ll:q:").len(), 3, "{response:?}");
        page.server = Some(ok());
        page.advance(70_000);
        assert_eq!(adopted(&page), [[1, 2, 3].map(|seq| (GONE[0], seq))], "{response:?}");
        assert_eq!(questions(&page).len(), 1, "{response:?}");
        assert!(is_empty(&page), "{response:?}");
    }
}

#[test]
fn a_question_that_is_never_answered_delays_the_events_until_its_deadline() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=3, 100);
    page.advance(ADOPTED_WITHIN_MS);
    assert_eq!((questions(&page).len(), adopted(&page).len()), (1, 0));
    page.advance(page.options.response_ms_max + 10_000);
    assert_eq!((questions(&page).len(), adopted(&page).len()), (1, 1));
}

#[test]
fn an_answer_that_comes_late_removes_nothing() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=3, 100);
    page.advance(ADOPTED_WITHIN_MS);
    let id = questions(&page)[0].id;
    page.advance(page.options.response_ms_max + 10_000);
    page.client.answered(id, &arrived(&[(GONE[0], "[[1,3]]")]));
    assert_eq!(page.site.borrow().keys("ll:q:").len(), 3);
}

#[test]
fn nothing_is_asked_where_nothing_may_have_arrived() {
    // No events, and only a heartbeat.
    let mut page = opened();
    page.server = Some(ok());
    page.advance(60_000);
    assert!(page.sent().is_empty());
    let key = StorageKeys::new("ll").heartbeat(GONE[0]);
    page.site.borrow_mut().values.insert(key.clone(), "gone:9".into());
    page.advance(60_000);
    assert_eq!((page.sent().len(), questions(&page).len()), (1, 0));
    // A page that was killed said nothing when it ended.
    let mut page = opened();
    page.server = Some(ok());
    leave(&page, GONE[0], 1..=1, 100);
    page.site.borrow_mut().values.insert(key, "3:2".into());
    page.advance(60_000);
    assert_eq!(adopted(&page), [[(GONE[0], 1)]]);
    assert!(questions(&page).is_empty());
}

#[test]
fn a_page_that_was_answered_before_it_was_left_causes_no_request() {
    let site = site();
    let mut left = FullPage::open(&site, Options::default());
    left.server = Some(ok());
    left.track(1);
    left.run();
    left.event(PageEvent::Left);
    left.kill();
    let mut page = FullPage::open(&site, Options::default());
    page.answers_questions = false;
    page.advance(60_000);
    assert!(page.sent().is_empty());
}

#[test]
fn a_question_names_no_more_producers_than_the_server_accepts() {
    let mut page = opened();
    for bits in 1_000..1_150 {
        leave(&page, Producer::from_bits(bits), 1..=1, 100);
    }
    page.advance(ADOPTED_WITHIN_MS);
    answer(&mut page, &ok());
    page.run();
    answer(&mut page, &ok());
    let named = |sent: &Sent| Body::read(&sent.body).unwrap().producers.len();
    let named: Vec<usize> = questions(&page).iter().map(named).collect();
    assert_eq!(named, [PRODUCERS_MAX, 150 - PRODUCERS_MAX]);
}

#[test]
fn events_that_are_found_after_the_question_are_sent() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=2, 100);
    page.advance(ADOPTED_WITHIN_MS);
    let key = StorageKeys::new("ll").event(GONE[0], 3);
    page.site.borrow_mut().values.insert(key, event_text(GONE[0], 3, 100));
    page.advance(10_000);
    answer(&mut page, &arrived(&[(GONE[0], "[[1,2]]")]));
    page.run();
    assert_eq!(adopted(&page), [[(GONE[0], 3)]]);
}

#[test]
fn the_next_page_asks_again_if_this_one_is_left_before_the_answer() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=2, 100);
    page.advance(ADOPTED_WITHIN_MS);
    let site = std::rc::Rc::clone(&page.site);
    page.event(PageEvent::Left);
    assert_eq!(page.log.borrow().aborted, [questions(&page)[0].id]);
    page.kill();
    let mut next = FullPage::open(&site, Options::default());
    next.answers_questions = false;
    next.advance(ADOPTED_WITHIN_MS);
    answer(&mut next, &arrived(&[(GONE[0], "[[1,2]]")]));
    next.advance(60_000);
    assert_eq!((next.sent().len(), adopted(&next).len()), (1, 0));
}

#[test]
fn an_answer_after_a_withdrawal_changes_nothing() {
    let mut page = opened();
    leave(&page, GONE[0], 1..=2, 100);
    page.advance(ADOPTED_WITHIN_MS);
    let id = questions(&page)[0].id;
    page.client.withdraw(false);
    page.client.answered(id, &arrived(&[(GONE[0], "[[1,2]]")]));
    assert!(page.site.borrow().keys("ll:q:").is_empty());
    page.settle();
    assert!(!page.notes.iter().any(|note| matches!(note, Note::Adopted { .. })));
    let declared: Vec<_> = page.sent().iter().flat_map(Sent::dropped).collect();
    assert_eq!(declared, [(GONE[0], "opted_out".to_owned(), numbers(1, 2))]);
}
