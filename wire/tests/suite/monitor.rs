//! Metrics that are part of an event.

use lamplight_wire::monitor::{Monitor, MonitorKind};
use lamplight_wire::reason::InvalidReason;

fn reason(json: &str) -> Result<(), InvalidReason> {
    Monitor::read(json).map(|_| ()).map_err(|invalid| invalid.reason)
}

#[test]
fn each_kind_is_read_by_its_name() {
    for (kind, name) in [
        (MonitorKind::Increment, "increment"),
        (MonitorKind::Gauge, "gauge"),
        (MonitorKind::Timer, "timer"),
    ] {
        assert_eq!(kind.name(), name);
        let json = format!(r#"{{"kind":"{name}","metric":"m","value":-2.5,"rate":0.5}}"#);
        let want = Monitor { kind, metric: Some("m".into()), value: -2.5, rate: 0.5 };
        assert_eq!(Monitor::read(&json), Ok(want));
    }
    for kind in [r#""""#, r#""Gauge""#, r#""count""#, "null"] {
        let json = format!(r#"{{"kind":{kind},"value":1}}"#);
        assert_eq!(reason(&json), Err(InvalidReason::MonitorKindUnknown), "{kind}");
    }
}

#[test]
fn only_an_increment_has_a_default_value() {
    let want = Monitor { kind: MonitorKind::Increment, metric: None, value: 1.0, rate: 1.0 };
    assert_eq!(Monitor::read(r#"{"kind":"increment"}"#), Ok(want));
    for kind in ["gauge", "timer"] {
        let invalid = Monitor::read(&format!(r#"{{"kind":"{kind}"}}"#)).unwrap_err();
        assert_eq!(invalid.reason, InvalidReason::MonitorValueMissing);
        let want = format!("`monitor.value` is missing: a {kind} needs a number");
        assert_eq!(invalid.detail, want);
    }
    assert_eq!(reason(r#"{"kind":"gauge","value":"1"}"#), Err(InvalidReason::Malformed));
    assert_eq!(reason(r#"{"kind":"gauge","value":1e999}"#), Err(InvalidReason::Malformed));
}

#[test]
fn a_rate_is_above_zero_and_at_most_one() {
    let rate = |rate: &str| format!(r#"{{"kind":"increment","rate":{rate}}}"#);
    for (text, want) in
        [("1", 1.0), ("1.0", 1.0), ("0.999", 0.999), ("1e-300", 1e-300), ("null", 1.0)]
    {
        assert_eq!(
            Monitor::read(&rate(text)).map(|monitor| monitor.rate.to_bits()),
            Ok(f64::to_bits(want))
        );
    }
    for text in ["0", "-0.0", "-0.5", "1.0000000000000002", "2", "\"1\""] {
        assert_eq!(reason(&rate(text)), Err(InvalidReason::Malformed), "{text}");
    }
    let invalid = Monitor::read(&rate("0")).unwrap_err();
    assert_eq!(invalid.detail, "`monitor.rate` is 0; it must be above 0 and at most 1");
}

#[test]
fn an_empty_metric_is_the_name_of_the_event() {
    let metric = |metric: &str| {
        Monitor::read(&format!(r#"{{"kind":"increment","metric":{metric}}}"#)).unwrap().metric
    };
    assert_eq!(metric(r#""emails.sent""#).as_deref(), Some("emails.sent"));
    assert_eq!(metric(r#""""#), None);
    assert_eq!(metric("null"), None);
}
