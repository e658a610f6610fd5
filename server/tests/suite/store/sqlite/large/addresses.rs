//! Every page of the console in front of a large store, with each kind of list and filter, and the
//! calls of the API that answer the same.

use lamplight_server::store::week::WEEK_MS;

use super::extent::{Extent, NAMES, PAYLOAD_EVENTS, Payload, Sender, name, source};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Pages whose addresses are always the same.
const PAGES: &[&str] = &[
    "/overview",
    "/live",
    "/live?source=shop-03",
    "/events",
    "/events?type=critical",
    "/events?type=monitor",
    "/events?prop.plan=pro",
    "/events?prop.page.path=/nowhere",
    "/events?state=duplicate",
    "/events?state=invalid",
    "/events?state=invalid&source=shop-03",
    "/events/counts",
    "/events/counts?source=shop-03",
    "/events/replays",
    "/producers",
    "/producers?verdict=incomplete",
    "/producers?verdict=in_flight",
    "/producers?verdict=declared",
    "/producers?verdict=lost",
    "/producers?verdict=complete",
    "/producers?source=shop-03",
    "/producers?source=nobody",
    "/producers?verdict=lost&source=shop-03",
    "/producers/forget?source=shop-03",
    "/queues",
    "/errors",
    "/errors?stage=intake",
    "/errors?stage=event",
    "/errors?stage=process",
    "/errors?stage=delivery",
    "/errors?source=shop-03",
    "/errors?sink=warehouse",
    "/errors/group?stage=intake&code=key_unknown&source=shop-03",
    "/errors/group?stage=event&code=ts_invalid&source=shop-03",
    "/errors/group?stage=process&code=set_aside&source=shop-03",
    "/errors/group?stage=delivery&code=refused&sink=warehouse",
    "/errors/group?stage=delivery&code=refused&sink=warehouse&state=discarded",
    "/errors/confirm?action=retry&sink=warehouse&reason=refused",
    "/errors/confirm?action=discard&sink=warehouse",
    "/errors/confirm?action=retry&source=shop-03",
    "/query",
    "/trends",
    "/trends?resolution=minute",
    "/trends?resolution=hour",
    "/trends?resolution=day",
    "/trends?figure=stored",
    "/alerts",
    "/first-event",
    "/sources",
    "/sources/source?source=shop-03",
    "/sources/source?source=shop-03&limit=500",
    "/sources/source?source=shop-03&prefix=order",
    "/sources/name?source=shop-03&name=order_finished",
];

/// The addresses of pages. Those that scan find nothing where they look first.
pub(super) fn pages(extent: Extent) -> Vec<String> {
    let mut pages: Vec<String> = PAGES.iter().copied().map(str::to_owned).collect();
    let (frequent, rare) = (name(0), name(NAMES - 1));
    let middle = extent.begin_ms() + (extent.to_ms - extent.begin_ms()) / 2;
    let half = extent.payload(extent.payloads() / 2);
    for filter in [
        format!("name={frequent}"),
        format!("name={rare}"),
        format!("name={frequent}&source=shop-03"),
        format!("name={frequent}&source=nobody"),
        "source=shop-03".into(),
        "source=nobody".into(),
        format!("user={}", extent.event(0).user().unwrap()),
        "user=nobody".into(),
        format!("producer={}", half.sender.producer()),
        format!("from={middle}&to={}", middle + HOUR_MS),
        format!("from={middle}&to={}&source=nobody", middle + WEEK_MS),
        format!("on=time&from={middle}&to={}", middle + HOUR_MS),
        format!("name={frequent}&prop.plan=none"),
        format!("type=critical&from={middle}&to={}", middle + WEEK_MS),
        "limit=500".into(),
    ] {
        pages.push(format!("/events?{filter}"));
    }
    let lately = format!("from={}&to={}", extent.to_ms - 24 * HOUR_MS, extent.to_ms);
    for by in ["name", "hour", "prop.plan", "name&source=shop-03", "type&type=critical"] {
        pages.push(format!("/events/counts?by={by}&{lately}"));
    }
    pages.push(format!(
        "/events/counts?by=day&name={rare}&from={}&to={}",
        extent.begin_ms(),
        extent.to_ms
    ));
    pages.push(format!("/events/replay?from={middle}&to={}", middle + HOUR_MS));
    pages.push(format!(
        "/queues/backfill?sink=archive&from={}&to={}",
        extent.to_ms - HOUR_MS,
        extent.to_ms
    ));
    pages.extend(events(extent));
    pages.extend(producers(extent));
    pages
}

/// Pages of events, payloads and numbers, also of what was lost or waits.
fn events(extent: Extent) -> Vec<String> {
    let last = extent.payload(extent.payloads() - 1);
    let oldest = extent.payload(0);
    let dead = extent.event(extent.events() / 2).row();
    let mut pages = Vec::new();
    for tab in ["properties", "enrichment", "raw", "neighbours"] {
        pages.push(format!("/events/{}?tab={tab}", last.row(0)));
    }
    pages.push(format!("/events/{}", oldest.row(0)));
    pages.push(format!("/events/{dead}"));
    pages.push(format!("/events/{}/raw", last.row(0)));
    let with_hole = Sender(extent.producers / 400 * 200);
    let (id, source_of) = (with_hole.producer(), with_hole.source());
    pages.push(format!("/events/{id}-1?source={source_of}"));
    pages.push(format!("/events/{id}-{}?source={source_of}", PAYLOAD_EVENTS + 1));
    let backend = Sender(extent.producers - extent.producers % 20 - 1);
    let payload = extent.payload(2 * backend.0);
    let client_id = payload.event(3).client_id().unwrap();
    pages.push(format!("/events/{client_id}?source={}", backend.source()));
    pages.push(format!("/payloads/{}", last.id()));
    let waiting = Payload {
        number: 2 * extent.payloads(),
        received_ms: extent.to_ms - 10 * 60_000,
        ..extent.payload(0)
    };
    pages.push(format!("/payloads/{}", waiting.id()));
    pages
}

fn producers(extent: Extent) -> Vec<String> {
    let sender = Sender(extent.producers / 400 * 200);
    let id = sender.producer();
    vec![
        format!("/producers/{id}"),
        format!("/producers/{id}?source={}", sender.source()),
        format!("/producers?producer={id}"),
    ]
}

/// The calls of the API that answer the same.
pub(super) fn calls(extent: Extent) -> Vec<String> {
    let day = 24 * HOUR_MS;
    let half = extent.payload(extent.payloads() / 2);
    let mut calls: Vec<String> = [
        "/api/totals",
        "/api/events?limit=500",
        "/api/events?source=nobody",
        "/api/events?state=invalid",
        "/api/producers",
        "/api/producers?verdict=lost&limit=500",
        "/api/producers?source=nobody",
        "/api/queues",
        "/api/deliveries/dead?sink=warehouse&limit=500",
        "/api/deliveries/dead?sink=warehouse&reason=gone",
        "/api/payloads/set-aside?limit=500",
        "/api/keys",
        "/api/replay",
        "/api/views?page=events",
        "/api/trends",
        "/api/catalogue?limit=500",
        "/api/catalogue?prefix=order",
        "/api/catalogue/properties?source=shop-03&name=order_finished",
        "/api/traffic?by=minute",
        "/api/traffic?by=hour",
        "/api/traffic?by=day",
        "/api/errors?limit=500",
        "/api/alerts",
        "/metrics",
    ]
    .map(str::to_owned)
    .into();
    calls.push(format!("/api/events/{}", half.row(0)));
    calls.push(format!(
        "/api/aggregate?by=day&from={}&to={}&source={}",
        extent.to_ms - day,
        extent.to_ms,
        source(3)
    ));
    calls
}
