//! A cluster that may lose what it acknowledged is refused, with an error that says what is wrong,
//! where, and what to change.

use std::path::Path;

use async_nats::jetstream::stream::{DiscardPolicy, RetentionPolicy};
use async_nats::jetstream::{self, consumer, stream};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::cluster::{Cluster, PASSWORD};
use super::guide::replaced;
use super::opened::{Opened, refusal};

/// A connection to a node, as an operator has.
pub(super) async fn operator(cluster: &Cluster) -> jetstream::Context {
    let address = format!("127.0.0.1:{}", cluster.nodes[0].port());
    let options =
        async_nats::ConnectOptions::with_user_and_password("lamplight".into(), PASSWORD.into());
    jetstream::new(options.connect(address).await.unwrap())
}

#[tokio::test]
async fn a_cluster_as_in_the_guide_is_used_and_its_stream_found_again() {
    let cluster = Cluster::start();
    let url = cluster.url("");
    let opened = Opened::new(&url).await.unwrap();
    assert!(opened.database.is_up() && opened.database.fault().is_none());
    opened.close().await;
    Opened::new(&url).await.unwrap().close().await;
    let operator = operator(&cluster).await;
    let config = operator.get_stream("lamplight").await.unwrap().cached_info().config.clone();
    assert_eq!(
        (config.num_replicas, config.subjects),
        (3, vec!["lamplight.payloads.*".to_owned()])
    );
    // What an operator changed for the worse.
    let config = stream::Config { discard: DiscardPolicy::Old, ..cluster_config(&operator).await };
    operator.update_stream(config).await.unwrap();
    let error = refusal(&url).await;
    assert!(
        error.contains("has discard Old: run `nats stream edit lamplight --discard=new`"),
        "{error}"
    );
    // A monitor is missing, or is that of a node that is named already.
    let monitors: Vec<String> = cluster.nodes.iter().map(super::cluster::Node::monitor).collect();
    let error = refusal(&replaced(&url, &format!(",{}", monitors[2]), "")).await;
    assert!(
        error.contains("has 3 nodes with JetStream, and the intake URL names the monitors of 2"),
        "{error}"
    );
    let twin = replaced(&url, &monitors[2], &monitors[1].replace("127.0.0.1", "localhost"));
    let error = refusal(&twin).await;
    assert!(error.contains("is that of node n2, which is named already"), "{error}");
    let error = refusal(&format!("{url}&replicas=5")).await;
    assert!(
        error.contains("has 3 nodes with JetStream, and 5 are to keep each payload"),
        "{error}"
    );
}

async fn cluster_config(operator: &jetstream::Context) -> stream::Config {
    operator.get_stream("lamplight").await.unwrap().cached_info().config.clone()
}

#[tokio::test]
async fn one_node_of_three_that_does_not_sync_is_named() {
    let cluster = Cluster::start_with(3, |index, config| {
        if index == 1 { replaced(&config, "sync_interval: always", "") } else { config }
    });
    let error = refusal(&cluster.url("")).await;
    let wanted = format!("node n2 ({}) acknowledges before it syncs", cluster.nodes[1].monitor());
    assert!(error.contains(&wanted), "{error}");
    assert!(error.contains("set `sync_interval: always` in the block `jetstream`"), "{error}");
    assert!(!error.contains("n1 (") && !error.contains("n3 ("), "{error}");
}

#[tokio::test]
async fn a_node_without_jetstream_or_with_small_messages_is_refused() {
    let small = Cluster::alone_with(|config| replaced(&config, "max_payload: 8MB", ""));
    let error = refusal(&small.url("")).await;
    assert!(error.contains("node n1 (") && error.contains("set `max_payload: 8MB`"), "{error}");
    let without = Cluster::alone_with(|config| {
        let (begin, rest) = config.split_once("jetstream {").unwrap();
        format!("{begin}{}", rest.split_once('}').unwrap().1)
    });
    let error = refusal(&without.url("")).await;
    assert!(error.contains("has no JetStream: add `jetstream {"), "{error}");
}

#[tokio::test]
async fn more_replicas_than_nodes_and_monitors_of_others_are_refused() {
    let (cluster, other) = (Cluster::alone(), Cluster::alone());
    let error = refusal(&replaced(&cluster.url(""), "replicas=1", "replicas=3")).await;
    assert!(
        error.contains("has 1 nodes with JetStream, and 3 are to keep each payload"),
        "{error}"
    );
    let monitors = (cluster.nodes[0].monitor(), other.nodes[0].monitor());
    let error = refusal(&replaced(&cluster.url(""), &monitors.0, &monitors.1)).await;
    assert!(error.contains("is not in the cluster that the server is connected to"), "{error}");
    let closed = format!("http://127.0.0.1:{}", crate::harness::postgres::free_port());
    let error = refusal(&replaced(&cluster.url(""), &monitors.0, &closed)).await;
    assert!(error.contains("most monitors do not answer") && error.contains(&closed), "{error}");
}

#[tokio::test]
async fn a_login_that_is_wrong_and_a_port_that_is_closed_are_told() {
    let cluster = Cluster::alone();
    let error = refusal(&cluster.url("").replace("p%40ss_w0rd", "hunter2")).await;
    assert!(error.contains("connect to the intake stream at nats://127.0.0.1:"), "{error}");
    assert!(error.to_lowercase().contains("authorization"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    let port = crate::harness::postgres::free_port();
    let error = refusal(&cluster.url_over(&[port], "")).await;
    assert!(
        error.contains(&format!("connect to the intake stream at nats://127.0.0.1:{port}")),
        "{error}"
    );
}

#[tokio::test]
async fn a_stream_or_consumer_that_may_lose_payloads_is_refused() {
    let cluster = Cluster::alone();
    let operator = operator(&cluster).await;
    let url = cluster.url("&stream=other");
    let config = stream::Config {
        name: "other".into(),
        subjects: vec!["other.payloads.*".into()],
        retention: RetentionPolicy::Limits,
        max_bytes: 1 << 20,
        ..stream::Config::default()
    };
    operator.create_stream(config).await.unwrap();
    let error = refusal(&url).await;
    for part in
        ["the stream other has retention Limits", "discard Old", "max_gib of the intake URL to"]
    {
        assert!(error.contains(part), "{part}: {error}");
    }
    operator.delete_stream("other").await.unwrap();
    Opened::new(&url).await.unwrap().close().await;
    let stream = operator.get_stream("other").await.unwrap();
    stream.delete_consumer("shard-1").await.unwrap();
    let config = consumer::pull::Config {
        durable_name: Some("shard-1".into()),
        filter_subject: "other.payloads.1".into(),
        max_deliver: 5,
        ..consumer::pull::Config::default()
    };
    stream.create_consumer(config).await.unwrap();
    let error = refusal(&url).await;
    assert!(
        error.contains("the consumer shard-1 of the stream other has another max_deliver"),
        "{error}"
    );
    assert!(error.contains("run `nats consumer rm other shard-1`"), "{error}");
}

#[tokio::test]
async fn a_node_that_is_down_does_not_keep_a_server_from_starting() {
    let mut cluster = Cluster::start();
    Opened::new(&cluster.url("")).await.unwrap().close().await;
    cluster.nodes[2].kill_9();
    let opened = Opened::new(&cluster.url("")).await.unwrap();
    opened.queue.stage(crate::store::sample::payload(1, "[{},{}]")).await.unwrap();
    opened.drained(1).await;
    opened.close().await;
}

/// A certificate for 127.0.0.1 and its key, and the authority of it, as files in a folder.
fn certificates(folder: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "a private authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &*authority).unwrap();
    for (name, pem) in [
        ("ca.pem", authority.as_ref().pem()),
        ("cert.pem", certificate.pem()),
        ("key.pem", key.serialize_pem()),
    ] {
        std::fs::write(folder.join(name), pem).unwrap();
    }
}

#[tokio::test]
async fn a_cluster_that_asks_for_certificates_and_a_token_is_used() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let cluster = Cluster::alone_with(|config| {
        let (begin, rest) = config.split_once("authorization {").unwrap();
        let rest = rest.split_once('}').unwrap().1;
        format!(
            "{begin}{rest}\nauthorization {{ token: t0ken }}\ntls {{ cert_file: \"{}\", key_file: \"{}\", \
             ca_file: \"{}\", verify: true }}\n",
            at("cert.pem"),
            at("key.pem"),
            at("ca.pem")
        )
    });
    let plain = cluster.url("").replace("lamplight:p%40ss_w0rd@", "t0ken@");
    let tls = plain.replace("nats://", "tls://");
    let with_ca = format!("{tls}&ca_file={}", at("ca.pem"));
    let with_all = format!(
        "{with_ca}&client_certificate_file={}&client_key_file={}",
        at("cert.pem"),
        at("key.pem")
    );
    let opened = Opened::new(&with_all).await.unwrap();
    opened.queue.stage(crate::store::sample::payload(1, "[{},{}]")).await.unwrap();
    opened.drained(1).await;
    opened.close().await;
    for (url, what) in [(&tls, "an unknown authority"), (&with_ca, "no certificate of the server")]
    {
        let error = refusal(url).await;
        assert!(
            error.contains("connect to the intake stream at tls://127.0.0.1:"),
            "{what}: {error}"
        );
    }
    let error = refusal(&with_all.replace("t0ken", "another")).await;
    assert!(error.to_lowercase().contains("authorization"), "{error}");
    let error = refusal(
        &plain.replace("t0ken@", "").replace("max_gib=0.25", "credentials_file=/none.creds"),
    )
    .await;
    assert!(error.contains("read the credentials in /none.creds"), "{error}");
}
