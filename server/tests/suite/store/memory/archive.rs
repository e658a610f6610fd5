//! Payloads as received.

use lamplight_server::store::{
    Answer, Archive, KeptPayload, PayloadId, PayloadMetadata, PayloadSpan, SpanCount,
};

use super::payload_queue::{IntakeTables, MemoryIntake};
use super::tables::answer;

/// Most payloads that one call deletes.
const PRUNED_MAX: usize = 100;

impl IntakeTables {
    /// The payloads of a span, in the order of their ids.
    fn span(&self, span: PayloadSpan) -> impl Iterator<Item = KeptPayload> {
        // A map panics for a range that ends before it starts.
        let positions = (span.first <= span.last).then(|| self.by_id.range(span.first..=span.last));
        let payloads =
            positions.into_iter().flatten().filter_map(|(_, position)| self.payloads.get(position));
        payloads.map(|payload| KeptPayload {
            metadata: payload.metadata.clone(),
            body: payload.body.clone(),
        })
    }
}

impl Archive for MemoryIntake {
    fn metadata(&self, id: PayloadId) -> Answer<'_, Option<PayloadMetadata>> {
        answer(self.tables.read(|tables| {
            tables.span(PayloadSpan::one(id)).next().map(|payload| payload.metadata)
        }))
    }

    fn count(&self, span: PayloadSpan) -> Answer<'_, SpanCount> {
        answer(self.tables.read(|tables| {
            let mut count = SpanCount::default();
            for payload in tables.span(span) {
                count.payloads += 1;
                count.events += u64::from(payload.metadata.events);
            }
            count
        }))
    }

    fn payloads(
        &self,
        span: PayloadSpan,
        after: Option<PayloadId>,
        payloads_max: u32,
        unpacked_bytes_max: u64,
    ) -> Answer<'_, Vec<KeptPayload>> {
        answer(self.tables.read(|tables| {
            let rest = tables.span(span).filter(|it| after.is_none_or(|id| it.metadata.id > id));
            let (mut page, mut bytes) = (Vec::new(), 0);
            for payload in rest.take(payloads_max as usize) {
                bytes += u64::from(payload.metadata.unpacked_bytes);
                if !page.is_empty() && bytes > unpacked_bytes_max {
                    break;
                }
                page.push(payload);
            }
            page
        }))
    }

    fn prune(&self, before_ms: i64) -> Answer<'_, u64> {
        answer(self.tables.write(|tables| {
            let is_set_aside = |position| {
                let mut aside = tables.set_aside.values();
                aside.any(|it| it.position == position && it.discarded_ms.is_none())
            };
            let settled = tables.payloads.iter().filter(|(position, payload)| {
                payload.metadata.received_ms < before_ms
                    && !tables.queue.contains_key(position)
                    && !is_set_aside(**position)
            });
            let settled: Vec<(u64, PayloadId)> = settled
                .map(|(position, payload)| (*position, payload.metadata.id))
                .take(PRUNED_MAX)
                .collect();
            for (position, id) in &settled {
                tables.payloads.remove(position);
                tables.by_id.remove(id);
                tables.set_aside.remove(id);
            }
            Ok(settled.len() as u64)
        }))
    }
}
