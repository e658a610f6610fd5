//! The laws of `Archive`: payloads as received, by id and by time.

use lamplight_server::store::{
    NewPayload, PayloadId, PayloadMetadata, PayloadSpan, SpanCount, Storage,
};
use uuid::Uuid;

use crate::store::backend::Backend;
use crate::store::sample::{NOW, payload};

crate::laws!(
    a_span_counts_its_payloads_and_their_events,
    payloads_are_paged_in_the_order_of_their_ids,
    a_page_of_payloads_keeps_both_limits_but_has_at_least_one,
    payloads_are_kept_byte_for_byte,
    pruning_deletes_the_oldest_first_and_a_limited_number,
);

/// A payload whose id begins with its time of receipt, as real ones do.
fn received(ms: i64, number: u128) -> NewPayload {
    let id = PayloadId(Uuid::from_u128(u128::try_from(ms).unwrap() << 80 | number));
    let NewPayload { metadata, body, .. } = payload(number, "[{},{}]");
    NewPayload { metadata: PayloadMetadata { id, received_ms: ms, ..metadata }, body, home: None }
}

/// Ten payloads, one a millisecond, staged in no order.
async fn stage_ten(storage: &Storage) {
    for offset in [3, 1, 4, 0, 5, 9, 2, 6, 8, 7] {
        let new = received(NOW + offset, u128::try_from(offset).unwrap());
        storage.payload_queue.stage(new).await.unwrap();
    }
}

async fn numbers(
    storage: &Storage,
    span: PayloadSpan,
    after: Option<PayloadId>,
    payloads_max: u32,
    unpacked_bytes_max: u64,
) -> Vec<u128> {
    let page = storage.archive.payloads(span, after, payloads_max, unpacked_bytes_max);
    let number = |id: PayloadId| id.0.as_u128() & u128::from(u64::MAX);
    page.await.unwrap().into_iter().map(|payload| number(payload.metadata.id)).collect()
}

async fn a_span_counts_its_payloads_and_their_events(Backend { storage, .. }: Backend) {
    stage_ten(&storage).await;
    for ((from_ms, to_ms), want) in [
        ((NOW, NOW + 10), 10),
        ((NOW, NOW + 9), 9),
        ((NOW + 4, NOW + 5), 1),
        ((NOW + 10, NOW + 20), 0),
        ((NOW + 5, NOW + 5), 0),
    ] {
        let count = storage.archive.count(PayloadSpan::received(from_ms, to_ms)).await.unwrap();
        let want = SpanCount { payloads: want, events: 2 * want, has_more: false };
        assert_eq!(count, want, "{from_ms}..{to_ms}");
    }
    let one = PayloadSpan::one(received(NOW + 3, 3).metadata.id);
    assert_eq!(storage.archive.count(one).await.unwrap().payloads, 1);
}

async fn payloads_are_paged_in_the_order_of_their_ids(Backend { storage, .. }: Backend) {
    stage_ten(&storage).await;
    let span = PayloadSpan::received(NOW + 1, NOW + 9);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = storage.archive.payloads(span, after, 3, 1 << 20).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.metadata.id);
        seen.extend(page.iter().map(|payload| payload.metadata.received_ms - NOW));
    }
    assert_eq!(seen, (1..9).collect::<Vec<_>>());
}

async fn a_page_of_payloads_keeps_both_limits_but_has_at_least_one(
    Backend { storage, .. }: Backend,
) {
    stage_ten(&storage).await;
    let span = PayloadSpan::received(NOW, NOW + 10);
    let bytes = u64::from(received(NOW, 0).metadata.unpacked_bytes);
    assert_eq!(numbers(&storage, span, None, 4, 1 << 20).await, [0, 1, 2, 3]);
    assert_eq!(numbers(&storage, span, None, 4, 2 * bytes).await, [0, 1]);
    assert_eq!(numbers(&storage, span, None, 4, 2 * bytes - 1).await, [0]);
    let third = received(NOW + 3, 3).metadata.id;
    assert_eq!(numbers(&storage, span, Some(third), 4, 0).await, [4], "one in any case");
}

async fn payloads_are_kept_byte_for_byte(backend: Backend) {
    let body = " [ {\"name\" : \"a\"} ]\n";
    let sent = payload(1, body);
    backend.storage.payload_queue.stage(sent.clone()).await.unwrap();
    let backend = backend.reopened().await;
    let span = PayloadSpan::one(sent.metadata.id);
    let kept = backend.storage.archive.payloads(span, None, 10, 1 << 20).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((&kept[0].metadata, &kept[0].body), (&sent.metadata, &sent.body));
}

async fn pruning_deletes_the_oldest_first_and_a_limited_number(Backend { storage, .. }: Backend) {
    for number in 1..=300 {
        storage.payload_queue.stage(payload(number, "[]")).await.unwrap();
    }
    let ask = crate::store::sample::ask(1, NOW, 300);
    let leased = storage.payload_queue.lease(ask).await.unwrap();
    let lease = leased[0].lease;
    let tickets = leased.into_iter().map(|payload| payload.ticket).collect();
    storage.payload_queue.settle(lease, tickets, NOW).await.unwrap();
    let mut left = 300;
    while left > 0 {
        let pruned = storage.archive.prune(NOW + 1).await.unwrap();
        assert!(0 < pruned && pruned < 300, "{pruned} at once");
        left -= pruned;
        for number in [300 - left, 301 - left] {
            let id = PayloadId(Uuid::from_u128(u128::from(number)));
            let is_there = storage.archive.metadata(id).await.unwrap().is_some();
            assert_eq!(is_there, number > 300 - left && number <= 300, "{number}");
        }
    }
    assert_eq!(storage.archive.prune(NOW + 1).await.unwrap(), 0);
}
