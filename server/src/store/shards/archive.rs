//! Raw payloads, each in the database that staged it.

use super::{Shard, Shards};
use crate::store::{
    Answer, Archive, KeptPayload, PayloadId, PayloadMetadata, PayloadSpan, SpanCount, StoreError,
};

/// What is left of a span in one database.
struct Rest<'s> {
    shard: &'s Shard,
    span: PayloadSpan,
    after: Option<PayloadId>,
    limits: (u32, u64),
    /// What was read of it, and is not taken yet.
    read: Option<std::vec::IntoIter<KeptPayload>>,
}

impl Rest<'_> {
    /// The id of the next payload, which is read if it is needed.
    async fn next_id(&mut self) -> Result<Option<PayloadId>, StoreError> {
        if self.read.as_ref().is_none_or(|it| it.len() == 0 && self.after.is_some()) {
            let (payloads_max, bytes_max) = self.limits;
            let archive = &self.shard.storage.archive;
            let list = archive.payloads(self.span, self.after, payloads_max, bytes_max);
            let list = self.shard.read(list).await?;
            self.after = list.last().map(|payload| payload.metadata.id);
            self.read = Some(list.into_iter());
        }
        let read = self.read.as_ref().map(std::vec::IntoIter::as_slice);
        Ok(read.and_then(<[_]>::first).map(|payload| payload.metadata.id))
    }

    fn take(&mut self) -> Option<KeptPayload> {
        self.read.as_mut()?.next()
    }
}

impl Archive for Shards {
    fn metadata(&self, id: PayloadId) -> Answer<'_, Option<PayloadMetadata>> {
        Box::pin(self.find(move |storage| storage.archive.metadata(id)))
    }

    fn count(&self, span: PayloadSpan) -> Answer<'_, SpanCount> {
        Box::pin(async move {
            let mut sum = SpanCount::default();
            for it in self.values(|storage| storage.archive.count(span)).await? {
                sum.payloads += it.payloads;
                sum.events += it.events;
                sum.has_more |= it.has_more;
            }
            Ok(sum)
        })
    }

    /// A replay must not pass over what a database has that is down, so a part is never an answer.
    fn payloads(
        &self,
        span: PayloadSpan,
        after: Option<PayloadId>,
        payloads_max: u32,
        unpacked_bytes_max: u64,
    ) -> Answer<'_, Vec<KeptPayload>> {
        Box::pin(async move {
            let limits = (payloads_max, unpacked_bytes_max);
            let mut lists: Vec<_> = self
                .all
                .iter()
                .map(|shard| Rest { shard, span, after, limits, read: None })
                .collect();
            let (mut page, mut bytes) = (Vec::new(), 0_u64);
            while page.len() < payloads_max as usize {
                let mut first = None::<(PayloadId, &mut Rest<'_>)>;
                for list in &mut lists {
                    let Some(next) = list.next_id().await? else { continue };
                    if first.as_ref().is_none_or(|(id, _)| next < *id) {
                        first = Some((next, list));
                    }
                }
                let Some(payload) = first.and_then(|(_, list)| list.take()) else { break };
                bytes += u64::from(payload.metadata.unpacked_bytes);
                if !page.is_empty() && bytes > unpacked_bytes_max {
                    break;
                }
                page.push(payload);
            }
            Ok(page)
        })
    }

    fn prune(&self, before_ms: i64) -> Answer<'_, u64> {
        Box::pin(async move {
            let pruned = self.write_all(|storage| storage.archive.prune(before_ms)).await?;
            Ok(pruned.into_iter().sum())
        })
    }
}
