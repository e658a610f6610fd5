//! The Mixpanel sink while the API responds.

use lamplight_server::store::EventColumns;

use serde_json::json;

use crate::sinks::mixpanel_api::{Fault, MixpanelApi};
use crate::sinks::rig::{Rig, event, events, now_ms};

fn rig(table: &str) -> Rig {
    let mut rig = Rig::new(&[("mp", table)]);
    rig.start();
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_arrives_once_in_requests_within_the_limits() {
    let api = MixpanelApi::start(|_| Fault::None).await;
    let rig = Rig::new(&[("mp", &api.table(""))]);
    rig.add(events(4_500)).await;
    let mut rig = rig;
    rig.start();
    let sink = rig.settled("mp").await;
    assert_eq!((sink.sent, sink.dead, sink.dropped), (4_500, 0, 0));
    assert_eq!(api.distinct(), 4_500);
    api.with(|held| {
        assert!(held.events.values().all(|count| *count == 1));
        assert!(held.sizes.iter().all(|size| *size <= 2_000), "{:?}", held.sizes);
        assert!(held.sizes.contains(&2_000), "a backlog goes in full requests: {:?}", held.sizes);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_400_kills_only_the_events_that_it_names() {
    let api = MixpanelApi::start(|_| Fault::None).await;
    let rig = rig(&api.table(""));
    let none = EventColumns { user_id: Some("none".into()), ..event("none") };
    let nobody = EventColumns { user_id: Some("anonymous".into()), ..event("nobody") };
    let ids = rig.add(vec![event("a"), none, event("b"), nobody, event("c")]).await;
    let sink = rig.settled("mp").await;
    assert_eq!((sink.sent, sink.dead), (3, 2));
    for (at, want) in [(0, "sent"), (1, "dead"), (2, "sent"), (3, "dead"), (4, "sent")] {
        assert_eq!(rig.end(ids[at]).await.0, want, "event {at}");
    }
    let steps = rig.steps(ids[1]).await;
    assert_eq!(steps.last().unwrap().reason.as_deref(), Some("refused"));
    assert_eq!(
        steps.last().unwrap().detail.as_deref(),
        Some("properties.distinct_id: is a placeholder")
    );
    assert_eq!(api.requests(), 1, "what was refused is not sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_413_halves_the_request_until_it_fits() {
    let api = MixpanelApi::with_limits(|_| Fault::None, 2_000_000, 30).await;
    let mut rig = Rig::new(&[("mp", &api.table(""))]);
    rig.add(events(400)).await;
    rig.start();
    assert_eq!(rig.settled("mp").await.sent, 400);
    assert_eq!(api.distinct(), 400);
    api.with(|held| assert!(held.sizes.iter().all(|size| *size <= 30)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_alone_becomes_a_dead_letter_and_delays_nothing() {
    let api = MixpanelApi::with_limits(|_| Fault::None, 1_000, 2_000).await;
    let rig = rig(&api.table(""));
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(2_000));
    let large = EventColumns { properties_json: Some(large), ..event("large") };
    let ids = rig.add(vec![event("a"), large, event("b")]).await;
    let sink = rig.settled("mp").await;
    assert_eq!((sink.sent, sink.dead), (2, 1));
    assert_eq!(rig.end(ids[1]).await, ("dead", "too_large".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_stop_the_sink_until_it_is_resumed() {
    let api = MixpanelApi::start(|_| Fault::None).await;
    let table = api.table("").replace("right token", "wrong token");
    let mut rig = rig(&table);
    let ids = rig.add(events(20)).await;
    let sink = rig.until("mp", |sink| sink.stopped.is_some()).await;
    assert!(sink.stopped.unwrap().starts_with("not_allowed: HTTP 401"));
    let requests = api.requests();
    rig.add(events(20)).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!(api.requests(), requests, "a stopped sink is left alone");
    let sink = rig.sink("mp").await;
    assert_eq!((sink.waiting, sink.sent, sink.dead), (40, 0, 0), "nothing is lost");
    assert_eq!(rig.end(ids[0]).await, ("retry", "not_allowed".into()));
    // The operator configures the right token and restarts the server.
    rig.stop().await;
    let rig = rig.with_sinks(&[("mp", &api.table(""))]).await;
    assert_eq!(rig.settled("mp").await.sent, 40);
    assert_eq!(api.distinct(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_works_instead_of_a_token() {
    let api = MixpanelApi::start(|_| Fault::None).await;
    let account =
        "service_account = 'robot'\nservice_account_secret = 'robot secret'\nproject_id = '42'";
    let rig = rig(&api.table(account).replace("right token", "other token"));
    rig.add(events(3)).await;
    assert_eq!(rig.settled("mp").await.sent, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn identify_updates_the_profile_and_a_refused_profile_is_reported() {
    let api = MixpanelApi::start(|_| Fault::None).await;
    let rig = rig(&api.table(""));
    let identify = |user: &str, traits: &str| EventColumns {
        user_id: Some(user.into()),
        properties_json: Some(traits.into()),
        ..event("identify")
    };
    let ids = rig
        .add(vec![
            identify("ann", r#"{"$name":"Ann","plan":"pro"}"#),
            identify("bob", r#"{"refuse me":1}"#),
            identify("cy", r#"{"plan":"free"}"#),
            event("other"),
        ])
        .await;
    let sink = rig.settled("mp").await;
    assert_eq!((sink.sent, sink.dead), (3, 1));
    assert_eq!(rig.end(ids[1]).await, ("dead", "profile_refused".into()));
    let profiles = api.with(|held| held.profiles.clone());
    let users: Vec<_> =
        profiles.iter().map(|update| update["$distinct_id"].as_str().unwrap()).collect();
    assert_eq!(users, ["ann", "cy"]);
    assert_eq!(profiles[0]["$set"]["plan"], "pro");
    assert_eq!(profiles[0]["$token"], "right token");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_mixpanel_would_refuse_are_dead_letters_with_a_reason_and_not_sent() {
    let api = MixpanelApi::start(|_| Fault::None).await;
    let rig = rig(&api.table(""));
    let with =
        |name: &str, json: String| EventColumns { properties_json: Some(json), ..event(name) };
    let object = |count: usize| {
        let members: Vec<String> = (0..count).map(|at| format!("\"p{at}\":{at}")).collect();
        format!("{{{}}}", members.join(","))
    };
    let later = |ms: i64| EventColumns { time_ms: now_ms() + ms, ..event("later") };
    let ids = rig
        .add(vec![
            EventColumns { time_ms: 31_535_999_999, ..event("old") },
            later(2 * 60 * 60 * 1_000),
            with("many", object(255)),
            with("nested", format!("{{\"inner\":{}}}", object(255))),
            with("array", format!("{{\"a\":[{}]}}", vec!["1"; 255].join(","))),
            with("enough", object(200)),
            later(30 * 60 * 1_000),
            EventColumns { time_ms: 31_536_000_000, ..event("first") },
        ])
        .await;
    let sink = rig.settled("mp").await;
    assert_eq!((sink.sent, sink.dead), (3, 5));
    let reasons = ["too_old", "in_future"].into_iter().chain(["too_many_properties"; 3]);
    for (id, reason) in ids.iter().zip(reasons) {
        assert_eq!(rig.end(*id).await, ("dead", reason.into()));
    }
    assert_eq!(api.distinct(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn traits_have_mixpanels_names_and_a_null_removes_one() {
    let api = MixpanelApi::start(|_| Fault::None).await;
    let rig = rig(&api.table(""));
    let traits = r#"{"email":"a@example.com","name":"Ann","firstName":"A","last_name":"B","phone":"+1",
        "avatar":"https://a.example/a.png","createdAt":1700000000000,"plan":"pro","age":null,
        "created":"2020","$name":"Ann B."}"#;
    let identify = EventColumns {
        user_id: Some("ann".into()),
        properties_json: Some(traits.into()),
        ..event("identify")
    };
    rig.add(vec![identify]).await;
    assert_eq!(rig.settled("mp").await.sent, 1);
    let profiles = api.with(|held| held.profiles.clone());
    let set = json!({
        "$email": "a@example.com", "name": "Ann", "$first_name": "A", "$last_name": "B",
        "$phone": "+1", "$avatar": "https://a.example/a.png", "$created": "2023-11-14T22:13:20",
        "plan": "pro", "$name": "Ann B.",
    });
    assert_eq!(profiles.len(), 2);
    assert_eq!((&profiles[0]["$set"], &profiles[1]["$unset"]), (&set, &json!(["age"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_identify_that_comes_later_changes_no_newer_trait() {
    // The first update of a profile fails and is sent again.
    let api = MixpanelApi::start(|number| match number {
        1 => Fault::Status(503),
        _ => Fault::None,
    })
    .await;
    let rig = rig(&api.table("parallel = 1"));
    let now_ms = now_ms();
    let identify = |ago_ms: i64, traits: &str| EventColumns {
        user_id: Some("ann".into()),
        time_ms: now_ms - ago_ms,
        properties_json: Some(traits.into()),
        ..event("identify")
    };
    rig.add(vec![identify(9_000, r#"{"plan":"newest","a":1}"#)]).await;
    rig.settled("mp").await;
    rig.add(vec![
        identify(20_000, r#"{"plan":"oldest","b":2}"#),
        identify(15_000, r#"{"plan":"old"}"#),
    ])
    .await;
    assert_eq!(rig.settled("mp").await.sent, 3);
    let mut profile = serde_json::Map::new();
    for update in api.with(|held| held.profiles.clone()) {
        profile.extend(update["$set"].as_object().unwrap().clone());
    }
    assert_eq!(serde_json::Value::from(profile), json!({"plan": "newest", "a": 1, "b": 2}));
}
