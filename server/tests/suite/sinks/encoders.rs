//! The exact bytes that each sink is sent. Other systems read them, so a change here breaks them.

use insta::assert_snapshot;
use lamplight_server::sinks::datadog::Timers;
use lamplight_server::sinks::datadog::encode::Style;
use lamplight_server::sinks::mixpanel::profile::ProfileUpdate;
use lamplight_server::sinks::{file, mixpanel, webhook};
use lamplight_server::store::EventRow;
use lamplight_wire::Producer;

use crate::sinks::rig::row;

fn bare() -> EventRow {
    EventRow {
        user_id: None,
        anonymous_id: None,
        session: None,
        event_id: None,
        ts_ms: None,
        properties_json: None,
        context_json: None,
        ..row()
    }
}

fn metric(json: &str) -> EventRow {
    EventRow { monitor_json: Some(json.into()), ..bare() }
}

#[test]
fn mixpanel_import() {
    assert_snapshot!(mixpanel::encode::event(&row()).unwrap());
    assert_snapshot!(mixpanel::encode::event(&bare()).unwrap());
    let context = r#"{"page":{"url":"https://a.example/b","path":"/b"},"campaign":{"source":"x","medium":"y"},"referrer":"https://c.example/","release":"7","screen":"1x1"}"#;
    let from_sdk = EventRow { context_json: Some(context.into()), ..bare() };
    assert_snapshot!(mixpanel::encode::event(&from_sdk).unwrap());
    assert_eq!(mixpanel::encode::event(&row()), mixpanel::encode::event(&row()));
}

#[test]
fn mixpanel_engage() {
    let identify = EventRow { name: "identify".into(), ..row() };
    let update = ProfileUpdate::of(&identify).unwrap().unwrap();
    assert_snapshot!(update.texts("to\"ken").join("\n"));
    assert_eq!(ProfileUpdate::of(&row()), Ok(None));
    let nobody = EventRow { name: "identify".into(), ..bare() };
    assert_eq!(ProfileUpdate::of(&nobody), Ok(None));
}

#[test]
fn mixpanel_is_not_told_traits_that_a_later_event_set_again() {
    let json = r#"{"plan":"free","team":"a"}"#;
    let identify = |outdated: &[&str]| EventRow {
        name: "identify".into(),
        properties_json: Some(json.into()),
        outdated_traits: outdated.iter().copied().map(Into::into).collect(),
        ..row()
    };
    let update = ProfileUpdate::of(&identify(&["plan"])).unwrap().unwrap();
    let texts = update.texts("t").join("\n");
    assert!(texts.contains(r#""team":"a""#) && !texts.contains("plan"), "{texts}");
    assert_eq!(ProfileUpdate::of(&identify(&["plan", "team"])), Ok(None));
}

#[test]
fn datadog_lines() {
    let style = Style::new("shop.", &["env:prod".into()], Timers::Distribution);
    let (now_ms, later_ms) = (row().time_ms, row().time_ms + 10_001);
    let lines = [
        (r#"{"kind":"increment"}"#, now_ms),
        (r#"{"kind":"increment","value":-0.25,"rate":0.1}"#, now_ms),
        (r#"{"kind":"increment","value":1,"rate":0.1}"#, later_ms),
        (r#"{"kind":"gauge","metric":"größe in m²","value":1e300,"rate":0.5}"#, now_ms),
        (r#"{"kind":"gauge","metric":"9lives","value":1e-9}"#, later_ms),
        (r#"{"kind":"timer","value":12,"tags":{"a:b":"c:d","t":true,"x":null,"n":1.50}}"#, now_ms),
        (r#"{"kind":"timer","value":12}"#, later_ms),
        (r#"{"kind":"gauge","metric":"...","value":1}"#, now_ms),
    ];
    let text: Vec<String> = lines
        .iter()
        .map(|(json, now_ms)| match style.line(&metric(json), *now_ms) {
            Ok(line) => line,
            Err(reason) => format!("dropped: {}: {}", reason.code, reason.detail),
        })
        .collect();
    assert_snapshot!(text.join("\n"));
}

#[test]
fn datadog_tags_of_an_event_set_neither_host_nor_container() {
    let style = Style::new("", &["host:set-by-the-operator".into()], Timers::Distribution);
    let tags = [
        r#"{"host":"evil","Device":"evil","HOST ":"evil"}"#,
        r#"{"dd.internal.entity_id":"evil","dd":{"internal":{"card":"none"}}}"#,
        r#"{"container_id":["a","b"],"entity_id":"evil","hosts":"good","o":{"host":"good"}}"#,
        r#"{"a":"b|#host:evil","c":"d,host:evil","e":"f\nevil:1|c|#host:evil","g":"|c:in-1|e:it"}"#,
        r#"{"a|#host":"evil","b,host":"evil","c\nhost":"evil","host:evil":"x","dd.internal:x":1}"#,
        r#"{"host":"","dd.internal":true,"":"host:evil"}"#,
    ];
    let text: Vec<String> = tags
        .iter()
        .map(|tags| {
            let json = format!(r#"{{"kind":"gauge","value":1,"metric":"m","tags":{tags}}}"#);
            style.line(&metric(&json), row().time_ms).unwrap()
        })
        .collect();
    for line in &text {
        let own = line.split(['|', '#', ',', '\n']).filter(|it| it.starts_with("host:"));
        assert_eq!(own.collect::<Vec<_>>(), ["host:set-by-the-operator"], "{line}");
        assert_eq!(line.matches('|').count(), 2, "{line}");
    }
    assert_snapshot!(text.join("\n"));
}

#[test]
fn a_point_that_datadog_discards_is_dropped_with_a_reason() {
    let style = Style::new("", &[], Timers::Distribution);
    let row = metric(r#"{"kind":"gauge","value":1}"#);
    let code = |now_ms: i64| style.line(&row, now_ms).map_err(|reason| reason.code);
    let (time_ms, hour_ms) = (row.time_ms, 60 * 60 * 1_000);
    assert!(code(time_ms + hour_ms).is_ok() && code(time_ms - hour_ms / 6).is_ok());
    assert_eq!(code(time_ms + hour_ms + 1), Err("too_old"));
    assert_eq!(code(time_ms - hour_ms / 6 - 1), Err("in_future"));
    let before_1970 = EventRow { time_ms: -5, ..row.clone() };
    assert_eq!(style.line(&before_1970, time_ms).map_err(|it| it.code), Err("too_old"));
}

#[test]
fn arrays_and_objects_become_tags_and_tags_that_are_left_out_are_counted() {
    let style = Style::new("", &["env:prod".into()], Timers::Distribution);
    let line = |tags: &str| {
        let json = format!(r#"{{"kind":"gauge","value":1,"metric":"m","tags":{tags}}}"#);
        style.line(&metric(&json), row().time_ms).unwrap()
    };
    let nested = line(r#"{"a":["x","y",[2]],"o":{"k":"v","p":{"q":true}},"n":null,"e":""}"#);
    assert_eq!(nested, "m:1|g|#env:prod,a:x,a:y,a:2,o.k:v,o.p.q:true,e");
    let many: Vec<String> = (0..40).map(|at| format!("\"t{at}\":1")).collect();
    let many = line(&format!("{{{}}}", many.join(",")));
    assert_eq!(many.split(',').count(), 32);
    assert!(many.ends_with(",t29:1,tags_omitted:10"), "{many}");
}

#[test]
fn a_late_sampled_value_that_is_too_large_is_dropped() {
    let json = r#"{"kind":"increment","value":1e308,"rate":0.0001}"#;
    let style = Style::new("", &[], Timers::Distribution);
    let dropped = style.line(&metric(json), row().time_ms + 10_001).unwrap_err();
    assert_eq!(dropped.code, "no_value");
}

#[test]
fn webhook_request() {
    let numbered = EventRow { number: Some((Producer::from_bits(7), 3)), ..bare() };
    let body = webhook::encode::body(&[row(), numbered.clone()]);
    let id = webhook::encode::id(&[row(), numbered]);
    let signer = webhook::encode::signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let signature = webhook::encode::signature(&signer, &id, 1_700_000_000, &body);
    assert_snapshot!(format!("{id}\n{signature}\n{body}"));
}

/// The example of the specification's reference tests
/// (<https://github.com/standard-webhooks/standard-webhooks>).
#[test]
fn the_signature_of_the_standards_example_is_correct() {
    let signer = webhook::encode::signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let signature = webhook::encode::signature(
        &signer,
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        r#"{"test": 2432232314}"#,
    );
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn file_lines() {
    let broken = EventRow { properties_json: Some("{\n\"a\" :\r\n1}".into()), ..row() };
    assert_snapshot!(file::encode::lines(&[row(), broken]));
}
