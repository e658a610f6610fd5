//! The settings of the stream and its consumers: what they must be, and what is wrong with those
//! that are there.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, ReplayPolicy, pull};
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType,
};

use super::judgement::MAX_PAYLOAD_MIN;
use super::url::{IntakeUrl, in_gib};

/// How long the stream remembers the ids of groups. Longer than a group is published again.
const DUPLICATES: Duration = Duration::from_mins(2);
/// How long a server may take with a group before another one gets it.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// The most groups that are being stored or wait for another attempt, on all servers together.
const ACK_PENDING_MAX: i64 = 1_000;

/// The settings of the stream.
pub(super) fn stream(url: &IntakeUrl) -> Config {
    Config {
        name: url.stream.clone(),
        description: Some("Payloads that Lamplight accepted and has not stored yet".into()),
        subjects: vec![format!("{}.payloads.*", url.stream)],
        // A group is there until it is stored, also if nobody asks for it meanwhile.
        retention: RetentionPolicy::WorkQueue,
        // Full means that payloads are refused, never that older ones are dropped.
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: url.replicas,
        max_bytes: url.bytes_max,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        duplicate_window: DUPLICATES,
        ..Config::default()
    }
}

/// What is wrong with the settings of a stream that is there.
pub(super) fn faults_of_stream(url: &IntakeUrl, found: &Config) -> Vec<String> {
    let wrong = cannot_change(url, found).into_iter().chain(can_change(url, found));
    let fault = |(_, found, remedy)| format!("the stream {} has {found}: {remedy}", url.stream);
    wrong.filter(|(is_right, ..)| !is_right).map(fault).collect()
}

/// Whether a setting is right, what it is, and what to do if it is wrong.
type Checked = (bool, String, String);

/// Settings that stay as they were when the stream was made.
fn cannot_change(url: &IntakeUrl, found: &Config) -> Vec<Checked> {
    let wanted = stream(url);
    let is_synced = found.persist_mode.as_ref().is_none_or(|it| *it == PersistenceMode::Default);
    let is_alone = found.mirror.is_none() && found.sources.as_ref().is_none_or(Vec::is_empty);
    [
        (found.retention == wanted.retention, format!("retention {:?}", found.retention)),
        (found.storage == wanted.storage, format!("storage {:?}", found.storage)),
        (!found.sealed, "the mark sealed".to_owned()),
        (is_synced, "persist_mode async".to_owned()),
        (is_alone, "another stream as its source".to_owned()),
    ]
    .map(|(is_right, found)| {
        let remedy = "delete it once it is empty, and start the server, which makes it";
        (is_right, found, remedy.to_owned())
    })
    .to_vec()
}

/// Settings that an operator can change.
fn can_change(url: &IntakeUrl, found: &Config) -> Vec<Checked> {
    let wanted = stream(url);
    let (replicas, bytes_max) = (url.replicas, url.bytes_max);
    let size = in_gib(found.max_bytes);
    let or_size = format!(", or set the option max_gib of the intake URL to {size}");
    let message_max = u64::try_from(found.max_message_size).unwrap_or(0);
    let checked = [
        (
            found.discard == wanted.discard,
            format!("discard {:?}", found.discard),
            "--discard=new".to_owned(),
            "",
        ),
        (
            found.num_replicas == wanted.num_replicas,
            format!("replicas {}", found.num_replicas),
            format!("--replicas={replicas}"),
            ", or set the option replicas of the intake URL",
        ),
        (
            found.subjects == wanted.subjects,
            format!("subjects {}", found.subjects.join(", ")),
            format!("--subjects='{}'", wanted.subjects.concat()),
            "",
        ),
        (
            found.max_bytes == wanted.max_bytes,
            format!("a size of {} bytes", found.max_bytes),
            format!("--max-bytes={bytes_max}"),
            or_size.as_str(),
        ),
        (
            found.max_messages <= 0,
            format!("a limit of {} messages", found.max_messages),
            "--max-msgs=-1".to_owned(),
            "",
        ),
        (
            found.max_messages_per_subject <= 0,
            format!("a limit of {} messages per subject", found.max_messages_per_subject),
            "--max-msgs-per-subject=-1".to_owned(),
            "",
        ),
        (
            message_max == 0 || message_max >= MAX_PAYLOAD_MIN,
            format!("a limit of {message_max} bytes per message"),
            "--max-msg-size=-1".to_owned(),
            "",
        ),
        (
            found.max_age.is_zero(),
            format!("a largest age of {:?}", found.max_age),
            "--max-age=-1".to_owned(),
            "",
        ),
        (!found.no_ack, "no acknowledgements".to_owned(), "--ack".to_owned(), ""),
    ];
    let edit = |option: &str| format!("run `nats stream edit {} {option}`", url.stream);
    checked.map(|(is_right, found, option, or)| (is_right, found, edit(&option) + or)).to_vec()
}

/// The name of the consumer of a shard.
pub(super) fn consumer_name(shard: u16) -> String {
    format!("shard-{shard}")
}

/// The settings of the consumer of a shard.
pub(super) fn consumer(url: &IntakeUrl, shard: u16) -> pull::Config {
    pull::Config {
        durable_name: Some(consumer_name(shard)),
        description: Some("Stores payloads in the database of this shard".into()),
        filter_subject: url.subject(shard),
        deliver_policy: DeliverPolicy::All,
        replay_policy: ReplayPolicy::Instant,
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        // A group is delivered until it is stored.
        max_deliver: -1,
        max_ack_pending: ACK_PENDING_MAX,
        ..pull::Config::default()
    }
}

/// What is wrong with the settings of a consumer that is there.
pub(super) fn faults_of_consumer(
    url: &IntakeUrl,
    shard: u16,
    found: &async_nats::jetstream::consumer::Config,
) -> Vec<String> {
    let wanted = consumer(url, shard);
    let differs = [
        (found.filter_subject != wanted.filter_subject, "filter_subject"),
        (found.ack_policy != wanted.ack_policy, "ack_policy"),
        (found.deliver_policy != wanted.deliver_policy, "deliver_policy"),
        (found.max_deliver > 0, "max_deliver"),
        (found.ack_wait < ACK_WAIT, "ack_wait"),
        (found.max_ack_pending < 16, "max_ack_pending"),
        (found.memory_storage, "memory_storage"),
        (found.headers_only, "headers_only"),
        (found.deliver_subject.is_some(), "deliver_subject"),
        (!found.inactive_threshold.is_zero(), "inactive_threshold"),
    ];
    let fault = |(_, name): &(bool, &str)| {
        format!(
            "the consumer {} of the stream {} has another {name} than it needs: run `nats consumer rm {} {}`, \
             which loses nothing, and start the server, which makes it again",
            consumer_name(shard),
            url.stream,
            url.stream,
            consumer_name(shard)
        )
    };
    differs.iter().filter(|(differs, _)| *differs).map(fault).collect()
}

#[cfg(test)]
mod tests {
    use async_nats::jetstream::consumer::IntoConsumerConfig;

    use super::*;

    fn url() -> IntakeUrl {
        "nats://n1?monitor=http://n1".parse().unwrap()
    }

    fn fault(change: impl FnOnce(&mut Config)) -> String {
        let mut config = stream(&url());
        change(&mut config);
        let faults = faults_of_stream(&url(), &config);
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults.concat()
    }

    #[test]
    fn a_stream_that_may_drop_payloads_is_refused() {
        assert_eq!(faults_of_stream(&url(), &stream(&url())), <Vec<String>>::new());
        assert!(
            fault(|it| it.retention = RetentionPolicy::Limits)
                .contains("retention Limits: delete it")
        );
        assert!(
            fault(|it| it.retention = RetentionPolicy::Interest).contains("retention Interest")
        );
        assert!(fault(|it| it.storage = StorageType::Memory).contains("storage Memory"));
        assert!(
            fault(|it| it.discard = DiscardPolicy::Old)
                .contains("nats stream edit lamplight --discard=new")
        );
        assert!(
            fault(|it| it.num_replicas = 1)
                .contains("replicas 1: run `nats stream edit lamplight --replicas=3`")
        );
        assert!(
            fault(|it| it.subjects.push("more".into()))
                .contains("subjects lamplight.payloads.*, more")
        );
        assert!(fault(|it| it.max_bytes = 1 << 30).contains("max_gib of the intake URL to 1"));
        assert!(fault(|it| it.max_age = Duration::from_secs(9)).contains("--max-age=-1"));
        assert!(fault(|it| it.max_messages = 9).contains("--max-msgs=-1"));
        assert!(fault(|it| it.max_messages_per_subject = 9).contains("--max-msgs-per-subject=-1"));
        assert!(fault(|it| it.max_message_size = 9).contains("--max-msg-size=-1"));
        assert!(fault(|it| it.no_ack = true).contains("--ack"));
        assert!(fault(|it| it.sealed = true).contains("sealed"));
        assert!(
            fault(|it| it.persist_mode = Some(PersistenceMode::Async))
                .contains("persist_mode async")
        );
    }

    #[test]
    fn a_consumer_that_may_skip_groups_is_refused() {
        let right = || consumer(&url(), 3).into_consumer_config();
        assert_eq!(faults_of_consumer(&url(), 3, &right()), <Vec<String>>::new());
        let fault = |change: fn(&mut async_nats::jetstream::consumer::Config)| {
            let mut config = right();
            change(&mut config);
            let faults = faults_of_consumer(&url(), 3, &config);
            assert_eq!(faults.len(), 1, "{faults:?}");
            faults.concat()
        };
        assert!(
            fault(|it| it.max_deliver = 5)
                .contains("the consumer shard-3 of the stream lamplight has another max_deliver")
        );
        assert!(fault(|it| it.ack_policy = AckPolicy::None).contains("ack_policy"));
        assert!(fault(|it| it.filter_subject = ">".into()).contains("filter_subject"));
        assert!(fault(|it| it.deliver_policy = DeliverPolicy::New).contains("deliver_policy"));
        assert!(
            fault(|it| it.memory_storage = true).contains("nats consumer rm lamplight shard-3")
        );
        assert!(fault(|it| it.headers_only = true).contains("headers_only"));
    }
}
