//! What the nodes' settings mean: whether what they acknowledge is safe.
//!
//! A node that does not sync before it acknowledges may lose, when its machine loses power, what it
//! helped to acknowledge. So every node that runs must be known to sync. One that does not answer
//! is no reason to refuse payloads: three nodes are there so that one may fail. But if the others
//! see it running and nobody knows how it is configured, it is one.

use std::collections::HashSet;

use super::monitor::{Node, Reading};
use super::url::IntakeUrl;

/// The oldest version that was tested, and that has the settings this server relies on.
const VERSION_MIN: (u64, u64) = (2, 15);
/// A group may have 700 KB and one body of 1 MiB, and needs room to grow.
pub(super) const MAX_PAYLOAD_MIN: u64 = 4_000_000;

/// What the connection says about the node at its other end.
#[derive(Debug, Clone, Default)]
pub(super) struct Connected {
    pub(super) server_id: String,
    pub(super) cluster: Option<String>,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judgement {
    /// What is wrong, where, and what to change.
    pub(super) faults: Vec<String>,
    /// What is wrong with the number of nodes. Nodes that join while the server runs get no
    /// payloads by themselves, so that they are no fault then.
    pub(super) at_start: Vec<String>,
    /// The same, of nodes that start together with the server: it passes by itself.
    pub(super) joining: Vec<String>,
    /// What prevents a judgement, and may pass by itself.
    pub(super) unknown: Vec<String>,
    /// What an operator should know, although payloads are safe.
    pub(super) warnings: Vec<String>,
}

/// Judges what the nodes say. `known` are the names of those that were right in an earlier check,
/// and gets those of this one.
pub(super) fn judge(
    url: &IntakeUrl,
    connected: &Connected,
    readings: &[Reading],
    known: &mut HashSet<String>,
) -> Judgement {
    let mut judgement = Judgement::default();
    let nodes: Vec<(&str, &Node)> = readings
        .iter()
        .filter_map(|it| it.node.as_ref().ok().map(|node| (it.monitor.as_str(), node)))
        .collect();
    for (monitor, node) in &nodes {
        let faults = faults_of(monitor, node, connected);
        if faults.is_empty() {
            known.insert(node.server_name.clone());
        } else {
            known.remove(&node.server_name);
        }
        judgement.faults.extend(faults);
    }
    judgement.faults.extend(twins(&nodes));
    match joining(url, &nodes) {
        Some(why) => judgement.joining.push(why),
        None => judgement.at_start.extend(wrong_size(url, &nodes)),
    }
    judge_silence(readings, &nodes, known, &mut judgement);
    judgement
}

fn faults_of(monitor: &str, node: &Node, connected: &Connected) -> Vec<String> {
    let (mut faults, name) = (Vec::new(), format!("node {} ({monitor})", node.server_name));
    if !is_new_enough(&node.version) {
        faults.push(format!(
            "{name} has version {}: update nats-server to {}.{} or newer",
            node.version, VERSION_MIN.0, VERSION_MIN.1
        ));
    }
    match &node.jetstream.config {
        None => faults.push(format!(
            "{name} has no JetStream: add `jetstream {{ store_dir: …, sync_interval: always }}` to its configuration"
        )),
        Some(store) if !store.sync_always => faults.push(format!(
            "{name} acknowledges before it syncs: set `sync_interval: always` in the block `jetstream` of its \
             configuration, and restart it"
        )),
        Some(_) => {}
    }
    if node.max_payload < MAX_PAYLOAD_MIN {
        faults.push(format!(
            "{name} takes messages of up to {} bytes: set `max_payload: 8MB` in its configuration",
            node.max_payload
        ));
    }
    let is_ours = match (&node.cluster.name, &connected.cluster) {
        (None, None) => node.server_id == connected.server_id,
        (mine, theirs) => mine == theirs,
    };
    if !is_ours {
        faults.push(format!(
            "{name} is not in the cluster that the server is connected to: name the monitors of its nodes in \
             the option monitor of the intake URL"
        ));
    }
    faults
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= VERSION_MIN,
        _ => false,
    }
}

/// Monitors that are those of one node.
fn twins(nodes: &[(&str, &Node)]) -> Vec<String> {
    let (mut seen, mut faults) = (HashSet::new(), Vec::new());
    for (monitor, node) in nodes {
        if !seen.insert(&node.server_id) {
            faults.push(format!(
                "the monitor {monitor} is that of node {}, which is named already: name one of each node in \
                 the option monitor of the intake URL",
                node.server_name
            ));
        }
    }
    faults
}

/// Nodes that the cluster does not count yet: those that run, and those that have not started.
fn joining(url: &IntakeUrl, nodes: &[(&str, &Node)]) -> Option<String> {
    let (size, named) = (cluster_size(nodes)?, url.monitors.len());
    let with_store = nodes.iter().filter(|(_, node)| node.jetstream.config.is_some());
    let running: HashSet<&str> = with_store.map(|(_, node)| node.server_id.as_str()).collect();
    let may_join = running.len() > size || nodes.len() < named;
    (named > size && may_join).then(|| {
        format!(
            "the cluster has {size} nodes with JetStream, and the intake URL names the monitors of {named}: start \
             them all, and look at the routes in the block `cluster` of their configurations"
        )
    })
}

fn wrong_size(url: &IntakeUrl, nodes: &[(&str, &Node)]) -> Vec<String> {
    let Some(size) = cluster_size(nodes) else { return Vec::new() };
    let (mut faults, named) = (Vec::new(), url.monitors.len());
    if named != size {
        faults.push(format!(
            "the cluster has {size} nodes with JetStream, and the intake URL names the monitors of {named}: name \
             one of each node in its option monitor"
        ));
    }
    if url.replicas > size {
        faults.push(format!(
            "the cluster has {size} nodes with JetStream, and {} are to keep each payload: add nodes, or lower \
             the option replicas of the intake URL",
            url.replicas
        ));
    }
    faults
}

/// How many nodes the cluster has. A node that just started does not know all of them yet.
fn cluster_size(nodes: &[(&str, &Node)]) -> Option<usize> {
    let size = |node: &Node| node.jetstream.meta.as_ref().map_or(1, |meta| meta.cluster_size);
    let led = nodes.iter().filter(|(_, node)| {
        node.jetstream
            .meta
            .as_ref()
            .is_none_or(|meta| meta.leader.as_ref().is_some_and(|leader| !leader.is_empty()))
    });
    led.map(|(_, node)| size(node)).max()
}

/// Judges the monitors that do not answer.
fn judge_silence(
    readings: &[Reading],
    nodes: &[(&str, &Node)],
    known: &HashSet<String>,
    judgement: &mut Judgement,
) {
    if cluster_size(nodes).is_none() {
        judgement.unknown.push("the nodes of the cluster have no leader".into());
    }
    let silent: Vec<String> = readings
        .iter()
        .filter_map(|it| it.node.as_ref().err().map(|why| format!("{} ({why})", it.monitor)))
        .collect();
    if silent.is_empty() {
        return;
    }
    let silent_text = silent.join(", ");
    if nodes.len() * 2 <= readings.len() {
        judgement.unknown.push(format!(
            "most monitors do not answer: {silent_text}. Start the nodes, or open their monitoring ports for \
             this server"
        ));
        return;
    }
    let running = running(nodes);
    let is_answering = |name: &str| nodes.iter().any(|(_, node)| node.server_name == name);
    let unknown: Vec<&str> =
        running.into_iter().filter(|name| !is_answering(name) && !known.contains(*name)).collect();
    if unknown.is_empty() {
        judgement.warnings.push(format!("monitors do not answer: {silent_text}"));
    } else {
        judgement.unknown.push(format!(
            "{} runs, and its monitor does not answer, so nobody knows whether it syncs: {silent_text}. Open its \
             monitoring port for this server",
            unknown.join(", ")
        ));
    }
}

/// The names of the nodes that the leader sees running, if it answers.
fn running<'n>(nodes: &[(&'n str, &'n Node)]) -> Vec<&'n str> {
    let metas = nodes.iter().filter_map(|(_, node)| {
        let meta = node.jetstream.meta.as_ref()?;
        (meta.leader.as_deref() == Some(&node.server_name)).then_some(meta)
    });
    let peers = metas.flat_map(|meta| &meta.replicas);
    peers.filter(|peer| peer.current && !peer.offline).map(|peer| peer.name.as_str()).collect()
}

#[cfg(test)]
mod tests;
