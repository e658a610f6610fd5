//! The Mixpanel sink while the API fails: every event arrives exactly once, always as the same
//! bytes.

use std::time::Duration;

use crate::sinks::mixpanel_api::{Fault, MixpanelApi};
use crate::sinks::rig::{Rig, event, events};

/// Spreads numbers (the finalizer of `SplitMix64`).
fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

async fn all_arrive(api: &MixpanelApi, rig: &Rig, count: usize) {
    let sink = rig.settled("mp").await;
    assert_eq!((sink.sent, sink.dead, sink.dropped), (count as u64, 0, 0));
    assert_eq!(api.distinct(), count, "none is missing, and none is another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_429_is_waited_out() {
    let api = MixpanelApi::start(|number| match number {
        0..25 => Fault::RateLimited((number % 2 == 0).then_some(0)),
        _ => Fault::None,
    })
    .await;
    let mut rig = Rig::new(&[("mp", &api.table(""))]);
    rig.add(events(3_000)).await;
    rig.start();
    all_arrive(&api, &rig, 3_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_respected_and_shown() {
    let api = MixpanelApi::start(|number| match number {
        0 => Fault::RateLimited(Some(2)),
        _ => Fault::None,
    })
    .await;
    let mut rig = Rig::new(&[("mp", &api.table("parallel = 1"))]);
    rig.add(events(5)).await;
    rig.start();
    let sink = rig.until("mp", |sink| sink.rests.is_some()).await;
    let (until_ms, why) = sink.rests.unwrap();
    assert!(why.starts_with("rate_limited: HTTP 429"), "{why}");
    let rest_ms = until_ms - crate::sinks::rig::now_ms();
    assert!((500..=2_000).contains(&rest_ms), "{rest_ms}");
    assert_eq!(api.requests(), 1);
    all_arrive(&api, &rig, 5).await;
    assert!(crate::sinks::rig::now_ms() >= until_ms, "nothing was sent before it asked to be");
    assert_eq!(rig.sink("mp").await.rests, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_disconnects_and_slow_reads_neither_lose_nor_repeat_events() {
    let api = MixpanelApi::start(|number| match scatter(number) % 16 {
        0 => Fault::Status(502),
        1 => Fault::Status(503),
        2 => Fault::Cut,
        3 => Fault::TakenThenCut,
        4 => Fault::SlowRead,
        5 => Fault::RateLimited(None),
        _ => Fault::None,
    })
    .await;
    let mut rig = Rig::new(&[("mp", &api.table("events_max = 50"))]);
    rig.add(events(3_000)).await;
    rig.start();
    rig.until("mp", |sink| sink.sent > 1_000).await;
    rig.add(events(500)).await;
    all_arrive(&api, &rig, 3_500).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_html_is_no_success_and_no_refusal() {
    let api = MixpanelApi::start(|number| match number {
        0..3 => Fault::Page,
        3 => Fault::PageWith(400),
        4 => Fault::PageWith(407),
        _ => Fault::None,
    })
    .await;
    let mut rig = Rig::new(&[("mp", &api.table(""))]);
    let ids = rig.add(events(5)).await;
    rig.start();
    all_arrive(&api, &rig, 5).await;
    let steps = rig.steps(ids[0]).await;
    let reasons: Vec<_> = steps.iter().filter_map(|step| step.reason.as_deref()).collect();
    assert_eq!(reasons[0], "not_mixpanel");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_with_fewer_events_than_were_sent_is_none() {
    let api = MixpanelApi::start(|number| match number {
        0 => Fault::Imports(0),
        1 => Fault::Imports(1),
        _ => Fault::None,
    })
    .await;
    let mut rig = Rig::new(&[("mp", &api.table("parallel = 1"))]);
    let ids = rig.add(events(5)).await;
    rig.start();
    all_arrive(&api, &rig, 5).await;
    assert_eq!(rig.steps(ids[0]).await[1].reason.as_deref(), Some("unclear"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_behind_a_page_of_html_is_updated_later() {
    let api = MixpanelApi::start(|number| match number {
        1 | 3 => Fault::Page,
        _ => Fault::None,
    })
    .await;
    let mut rig = Rig::new(&[("mp", &api.table("parallel = 1"))]);
    rig.add(vec![event("identify")]).await;
    rig.start();
    assert_eq!(rig.settled("mp").await.sent, 1);
    assert_eq!(api.with(|held| held.profiles.len()), 1);
}

/// Requests whose responses are lost; 10,000 in the full form.
fn ambiguous() -> u64 {
    std::env::var("LAMPLIGHT_AMBIGUOUS").map_or(300, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_responses_repeat_no_event() {
    let faults = ambiguous();
    let api = MixpanelApi::start(move |number| match number {
        _ if number >= faults => Fault::None,
        // One in ten takes the full timeout; the others end sooner.
        _ if number % 10 == 0 => Fault::TakenThenLate(400),
        _ => Fault::TakenThenCut,
    })
    .await;
    let table = api.table("events_max = 7\ntimeout_ms = 100").replace("cap_ms = 20", "cap_ms = 2");
    let mut rig = Rig::new(&[("mp", &table)]);
    let ids = rig.add(events(500)).await;
    rig.start();
    while api.requests() < faults {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let sink = rig.settled("mp").await;
    assert_eq!((sink.sent, sink.dead, sink.dropped), (500, 0, 0));
    assert_eq!(api.distinct(), 500, "0 duplicates and 0 missing");
    let (arrivals, repeated) = api.with(|held| {
        let arrivals: u64 = held.events.values().map(|count| u64::from(*count)).sum();
        (arrivals, held.events.values().filter(|count| **count > 1).count())
    });
    assert!(arrivals >= 500 + faults, "{arrivals} arrivals of which many were repeats");
    assert!(repeated > 0);
    let most = rig.steps(ids[0]).await;
    assert_eq!(most.last().unwrap().state.name(), "sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_makes_every_batch_fail_becomes_the_only_dead_letter() {
    let api = MixpanelApi::start(|_| Fault::None).await;
    // Every request with this event gets a 500, as if it hit a bug of the API.
    api.set_poison("n\":13}");
    let table = api.table("").replace("attempts_max = 100000", "attempts_max = 4");
    let mut rig = Rig::new(&[("mp", &table)]);
    let ids = rig.add(events(40)).await;
    rig.start();
    let mut sink = rig.until("mp", |sink| sink.sent == 39).await;
    // It is given up because the API accepts others meanwhile.
    let mut sent = 39;
    while sink.dead == 0 {
        rig.add(vec![event("later")]).await;
        sent += 1;
        sink = rig.until("mp", |sink| sink.sent == sent).await;
    }
    assert_eq!((sink.waiting, sink.sent, sink.dead), (0, sent, 1));
    assert_eq!(rig.end(ids[13]).await, ("dead", "server_failed".into()));
}
