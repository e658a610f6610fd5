//! How many connections and requests a client may have, and which connection gives way.

use std::time::Duration;

use super::*;
use crate::http::proxies::TrustedProxies;

const LIMIT: usize = 512;

fn connections(trusted: &str) -> Arc<Connections> {
    let proxies = TrustedProxies::new(vec![trusted.parse().unwrap()]);
    Connections::new(LIMIT, Arc::new(ClientAddresses::new(proxies)))
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The place of a connection that is admitted at once.
async fn admit(connections: &Arc<Connections>, peer: &str) -> Option<Place> {
    let admitted = connections.admit(address(peer));
    tokio::time::timeout(Duration::from_millis(1), admitted).await.ok()?.ok()
}

fn is_closed(place: &Place) -> bool {
    place.connection.is_closed()
}

async fn wait_ms(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test(start_paused = true)]
async fn one_address_has_at_most_its_share_of_busy_connections() {
    for (peer, limit) in [
        ("203.0.113.9", LIMIT / 8),
        ("2001:db8::1", LIMIT / 8),
        ("127.0.0.1", LIMIT / 8 * 6),
        ("10.9.9.9", LIMIT),
    ] {
        let connections = connections("10.0.0.0/8");
        let mut held = Vec::new();
        for _ in 0..limit {
            let place = admit(&connections, peer).await.unwrap();
            held.push((place.connection.begin().unwrap(), place));
        }
        wait_ms(5_000).await;
        assert!(admit(&connections, peer).await.is_none(), "{peer}");
        if limit < LIMIT {
            assert!(admit(&connections, "203.0.113.77").await.is_some(), "others may connect");
        }
        held.pop();
        assert!(admit(&connections, peer).await.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn all_addresses_of_one_ipv6_network_share_a_limit() {
    let connections = connections("10.0.0.0/8");
    let mut held = Vec::new();
    for number in 0..LIMIT / 8 {
        let place = admit(&connections, &format!("2001:db8::{number:x}")).await.unwrap();
        held.push((place.connection.begin().unwrap(), place));
    }
    let refused = connections.admit(address("2001:db8::ffff")).await.unwrap_err();
    assert_eq!(refused.connections_max, LIMIT / 8);
    assert_eq!(refused.address.to_string(), "2001:db8::/64");
    assert!(admit(&connections, "2001:db8:0:1::1").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_longest_waiting_connection_gives_way_and_busy_ones_do_not() {
    let connections = connections("10.0.0.0/8");
    let mut places = Vec::new();
    let mut busy = Vec::new();
    for number in 0..LIMIT {
        let place = admit(&connections, &format!("10.0.{}.1", number % 256)).await.unwrap();
        if number % 2 == 0 {
            busy.push(place.connection.begin().unwrap());
        }
        places.push(place);
        wait_ms(1).await;
    }
    assert!(admit(&connections, "203.0.113.9").await.is_none(), "none has waited for 1 s");
    wait_ms(1_000).await;
    assert!(admit(&connections, "203.0.113.9").await.is_some_and(|place| !is_closed(&place)));
    assert!(!is_closed(&places[3]));
    // The connection above has ended, so its place is free.
    let mut late = Vec::new();
    for number in 1..=8 {
        wait_ms(1_000).await;
        late.push(admit(&connections, "203.0.113.9").await.unwrap());
        late.last().unwrap().connection.begin().map(std::mem::forget).unwrap();
        let closed: Vec<usize> = (0..LIMIT).filter(|at| is_closed(&places[*at])).collect();
        assert!(closed.iter().all(|at| at % 2 == 1) && closed.len() <= number, "{closed:?}");
        assert_eq!(closed, (0..closed.len()).map(|at| 2 * at + 1).collect::<Vec<_>>());
    }
    assert!(places.iter().filter(|place| is_closed(place)).count() >= 8);
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_waits_while_all_others_are_busy() {
    let connections = connections("10.0.0.0/8");
    let mut held = Vec::new();
    for _ in 0..LIMIT {
        let place = admit(&connections, "10.0.0.1").await.unwrap();
        held.push((place.connection.begin(), place));
    }
    wait_ms(60_000).await;
    assert!(admit(&connections, "203.0.113.9").await.is_none());
    let late = tokio::spawn({
        let connections = Arc::clone(&connections);
        async move { connections.admit(address("203.0.113.9")).await.is_ok() }
    });
    wait_ms(1_000).await;
    assert!(!late.is_finished());
    held[7].0 = None;
    wait_ms(500).await;
    assert!(!late.is_finished(), "its client may still send another request");
    wait_ms(1_000).await;
    assert!(late.is_finished() && is_closed(&held[7].1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_closed_begins_no_request_and_leaves_nothing() {
    let connections = connections("10.0.0.0/8");
    let mut places = Vec::new();
    for _ in 0..LIMIT {
        places.push(admit(&connections, "10.0.0.1").await.unwrap());
    }
    wait_ms(2_000).await;
    let late = admit(&connections, "10.0.0.1").await.unwrap();
    let closed = places.iter().find(|place| is_closed(place)).unwrap();
    assert!(closed.connection.begin().is_none());
    tokio::time::timeout(Duration::from_millis(1), closed.connection.must_close()).await.unwrap();
    drop((places, late));
    let table = connections.table();
    assert!(table.open.is_empty() && table.by_address.is_empty());
}

#[tokio::test(start_paused = true)]
async fn requests_of_one_connection_count_like_connections() {
    let connections = connections("10.0.0.0/8");
    let place = admit(&connections, "203.0.113.9").await.unwrap();
    let mut open: Vec<_> = (0..LIMIT / 8).map(|_| place.begin().unwrap()).collect();
    assert!(matches!(place.begin(), Err(NotCounted::TooMany(_))));
    wait_ms(5_000).await;
    assert!(admit(&connections, "203.0.113.9").await.is_none());
    let other = admit(&connections, "203.0.113.77").await.unwrap();
    assert!(other.begin().is_ok());
    open.pop();
    open.push(place.begin().unwrap());
    assert!(place.begin().is_err());
    // The requests of other clients may take all places, but no more.
    let trusted = admit(&connections, "10.0.0.1").await.unwrap();
    let begun = (0..LIMIT).map_while(|_| trusted.begin().ok()).collect::<Vec<_>>();
    assert_eq!(begun.len(), LIMIT - LIMIT / 8 - 1);
    drop((begun, open));
    wait_ms(1_001).await;
    assert!(admit(&connections, "203.0.113.9").await.is_some());
    drop((place, trusted, other));
    let table = connections.table();
    assert!(table.open.is_empty() && table.by_address.is_empty());
    assert_eq!(table.extra_requests, 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_does_not_give_way_while_one_of_its_requests_is_open() {
    let connections = connections("10.0.0.0/8");
    let place = admit(&connections, "203.0.113.9").await.unwrap();
    let (first, second) = (place.begin().unwrap(), place.begin().unwrap());
    drop(first);
    let mut others = Vec::new();
    for _ in 1..LIMIT / 8 {
        others.push(admit(&connections, "203.0.113.9").await);
    }
    wait_ms(5_000).await;
    others.push(admit(&connections, "203.0.113.9").await);
    assert!(!is_closed(&place));
    drop(second);
    others.clear();
    wait_ms(5_000).await;
    for _ in 0..LIMIT / 8 {
        others.push(admit(&connections, "203.0.113.9").await);
    }
    assert!(is_closed(&place), "it has waited for the longest time");
}

#[tokio::test(start_paused = true)]
async fn connections_that_have_ended_make_no_room_a_second_time() {
    let connections = connections("10.0.0.0/8");
    let mut idle = Vec::new();
    for _ in 0..LIMIT / 8 {
        idle.push(admit(&connections, "203.0.113.9").await.unwrap());
    }
    wait_ms(2_000).await;
    // All of them are found, and one of them gives way.
    let mut busy = vec![admit(&connections, "203.0.113.9").await.unwrap()];
    let mut requests = vec![busy[0].connection.begin()];
    idle.clear();
    for _ in 0..LIMIT / 8 {
        let Some(place) = admit(&connections, "203.0.113.9").await else { break };
        requests.push(place.connection.begin());
        busy.push(place);
    }
    assert_eq!(busy.len(), LIMIT / 8);
}
