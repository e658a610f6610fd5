//! After a known story, every number is the expected one.

use super::rig::{Story, samples, scrape, value};

/// Values that depend on the machine, the disk and the time. Of histograms, only the counts are
/// compared, and of these only those that the story decides.
const MEASURED: [&str; 28] = [
    "lamplight_alert_evaluation_time_seconds",
    "lamplight_data_directory_bytes",
    "lamplight_database_bytes",
    "lamplight_disk_free_bytes",
    "lamplight_disk_expected_bytes",
    "lamplight_intake_answer_seconds_sum",
    "lamplight_intake_answer_seconds_bucket",
    "lamplight_process_batch_seconds_sum",
    "lamplight_process_batch_seconds_bucket",
    "lamplight_process_batch_seconds_count",
    "lamplight_sink_batch_seconds_sum",
    "lamplight_sink_batch_seconds_bucket",
    "lamplight_sink_batch_seconds_count",
    "lamplight_sink_oldest_seconds",
    "lamplight_wal_bytes",
    "lamplight_writer_commit_seconds_sum",
    "lamplight_writer_commit_seconds_bucket",
    "lamplight_writer_commit_seconds_count",
    "lamplight_writer_sync_seconds_sum",
    "lamplight_writer_sync_seconds_bucket",
    "lamplight_writer_sync_seconds_count",
    "lamplight_writer_writes_total",
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
];

/// Compares all samples but the measured ones with those of `expected`, where `*` is any value.
fn expect(page: &str, expected: &str) {
    let expected = expected.replace("VERSION", env!("CARGO_PKG_VERSION"));
    let (expected, mut decided) = (samples(&expected), samples(page));
    decided.retain(|sample, _| {
        let (name, _) = sample.split_once('{').unwrap_or((sample, ""));
        // How often the test asks the API is a matter of time.
        !MEASURED.contains(&name) && !sample.contains("class=\"api\"")
    });
    let wrong: Vec<_> = decided
        .iter()
        .filter(|(sample, value)| {
            let wanted = expected.get(*sample);
            wanted != Some(value) && wanted != Some(&"*")
        })
        .collect();
    let missing: Vec<_> = expected.keys().filter(|sample| !decided.contains_key(*sample)).collect();
    assert!(wrong.is_empty() && missing.is_empty(), "wrong: {wrong:#?}; missing: {missing:#?}");
}

#[test]
fn after_a_known_story_every_metric_has_the_expected_value() {
    let story = Story::new();
    let server = story.serve();
    expect(&scrape(&server), include_str!("at_the_start.txt"));
    let page = Story::tell(&server);
    expect(&page, include_str!("after_the_story.txt"));
    for sample in [
        "lamplight_alert_evaluation_time_seconds",
        "lamplight_process_batch_seconds_count",
        "lamplight_sink_batch_seconds_count{sink=\"archive\"}",
        "lamplight_writer_commit_seconds_count{database=\"payloads\"}",
        "lamplight_writer_sync_seconds_sum{database=\"events\"}",
        "lamplight_writer_writes_total{database=\"payloads\"}",
        "lamplight_database_bytes{files=\"events\"}",
        "lamplight_disk_free_bytes",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_threads",
    ] {
        assert!(value(&page, sample) > 0.0, "{sample}");
    }
    assert!(value(&page, "process_max_fds") >= value(&page, "process_open_fds"));
    server.kill_9();
    // What the database knows survives, and what the process counted does not.
    let server = story.serve();
    expect(&scrape(&server), include_str!("after_the_restart.txt"));
}
