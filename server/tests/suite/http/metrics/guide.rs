//! The guide, the dashboard and the alerts name exactly the metrics that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::rig::Story;

/// The heading above the table of all metrics, and the head of the table.
const TABLE: &str = "## Every metric\n\n\
     | metric | type | labels | meaning |\n\
     |---|---|---|---|\n";

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// What a page says about the metrics of one name.
#[derive(Debug, Default)]
struct Family {
    help: String,
    kind: String,
    labels: BTreeSet<String>,
}

/// The metrics of a page, in its order.
fn families(page: &str) -> Vec<(String, Family)> {
    let mut families: Vec<(String, Family)> = Vec::new();
    for line in page.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|it| it.split_once(' ')) {
            let family = Family { help: help.to_owned(), ..Family::default() };
            families.push((name.to_owned(), family));
            continue;
        }
        let (_, family) = families.last_mut().unwrap();
        if let Some((_, kind)) = line.strip_prefix("# TYPE ").and_then(|it| it.split_once(' ')) {
            kind.clone_into(&mut family.kind);
            continue;
        }
        let labels = line.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
        let labels = labels.map_or("", |(labels, _)| labels).split(',');
        let names = labels.filter_map(|label| label.split_once('=')).map(|(name, _)| name);
        family.labels.extend(names.filter(|name| *name != "le").map(str::to_owned));
    }
    families
}

/// The metrics of a server where everything has happened of which there are metrics.
fn all_families() -> Vec<(String, Family)> {
    let story = Story::new();
    let server = story.serve();
    families(&Story::tell(&server))
}

#[test]
fn the_guide_lists_every_metric_and_no_other() {
    let rows: Vec<String> = all_families()
        .iter()
        .map(|(name, family)| {
            let labels: Vec<String> = family.labels.iter().map(|it| format!("`{it}`")).collect();
            format!("| `{name}` | {} | {} | {} |\n", family.kind, labels.join(", "), family.help)
        })
        .collect();
    let guide = read("docs/metrics.md");
    let (before, rest) = guide.split_once(TABLE).unwrap();
    let after = rest.split_once("\n\n").map_or("", |(_, it)| it);
    let written = format!("{before}{TABLE}{}\n{after}", rows.concat());
    if std::env::var_os("LAMPLIGHT_UPDATE_GENERATED").is_some() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        std::fs::write(root.join("docs/metrics.md"), written).unwrap();
        return;
    }
    assert_eq!(
        guide, written,
        "run this test with LAMPLIGHT_UPDATE_GENERATED=1 to write the table into docs/metrics.md"
    );
}

#[test]
fn every_metric_follows_the_conventions_of_prometheus() {
    for (name, family) in all_families() {
        let is_counter = family.kind == "counter";
        assert_eq!(name.ends_with("_total"), is_counter, "{name}");
        assert!(["counter", "gauge", "histogram"].contains(&family.kind.as_str()), "{name}");
        assert!(name.starts_with("lamplight_") || name.starts_with("process_"), "{name}");
        for unit in ["_ms", "_milliseconds", "_kib", "_mib", "_percent"] {
            assert!(!name.contains(unit), "{name} is not in a base unit");
        }
        assert!(family.help.ends_with('.') && !family.help.contains('|'), "{name}");
    }
}

/// The names of metrics in an expression, without the suffixes of a histogram.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    let names = words.filter(|it| it.starts_with("lamplight_") || it.starts_with("process_"));
    let suffixes = ["_bucket", "_sum", "_count"];
    let base = |name: &str| {
        let base = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        base.unwrap_or(name).to_owned()
    };
    names.map(base).collect()
}

#[test]
fn the_dashboard_and_the_alerts_use_only_metrics_that_exist() {
    let known: BTreeMap<String, Family> = all_families().into_iter().collect();
    let dashboard: Value = serde_json::from_str(&read("server/grafana/lamplight.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let expressions: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(expressions.len() > 40, "{expressions:?}");
    assert!(expressions.iter().all(|it| !metrics_in(it).is_empty()), "{expressions:?}");
    // Names also stand in annotations, variables and descriptions.
    for file in ["server/grafana/lamplight.json", "server/grafana/alerts.yml", "docs/metrics.md"] {
        for name in metrics_in(&read(file)) {
            // A name that ends so is the beginning of several.
            let is_known = known.contains_key(&name) || name.ends_with('_');
            assert!(is_known, "{file} names {name}, and there is no such metric");
        }
    }
}

#[test]
fn the_guide_lists_every_alert_and_no_other() {
    let alerts = read("server/grafana/alerts.yml");
    let alerts: Vec<&str> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let guide = read("docs/metrics.md");
    let listed: Vec<&str> = guide
        .lines()
        .filter_map(|line| line.strip_prefix("| `Lamplight"))
        .filter_map(|line| line.split_once('`').map(|(name, _)| name))
        .collect();
    let names: Vec<&str> = alerts.iter().map(|it| it.trim_start_matches("Lamplight")).collect();
    assert!(names.len() > 10 && listed == names, "{listed:?} {names:?}");
    let tests = read("server/grafana/alerts_test.yml");
    for alert in alerts {
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "{alert} has no test");
    }
}

#[test]
fn the_dashboard_has_unique_panels_that_do_not_overlap() {
    let dashboard: Value = serde_json::from_str(&read("server/grafana/lamplight.json")).unwrap();
    assert_eq!(dashboard["id"], Value::Null, "Grafana gives it an id when it is imported");
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{panel}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{panel}");
            }
        }
    }
}
