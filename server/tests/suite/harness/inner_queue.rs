//! What queues of payloads in tests have in common that stand in front of another one.

/// The methods that a queue passes on to its field `inner` as they are.
#[macro_export]
macro_rules! passes_on_to_inner {
    () => {
        fn settle(
            &self,
            lease: lamplight_server::store::Lease,
            tickets: Vec<lamplight_server::store::Ticket>,
            now_ms: i64,
        ) -> lamplight_server::store::Answer<'_, ()> {
            self.inner.settle(lease, tickets, now_ms)
        }
        fn release(
            &self,
            lease: lamplight_server::store::Lease,
            failed: Vec<lamplight_server::store::FailedPayload>,
            now_ms: i64,
        ) -> lamplight_server::store::Answer<'_, ()> {
            self.inner.release(lease, failed, now_ms)
        }
        fn set_aside(
            &self,
            lease: lamplight_server::store::Lease,
            exhausted: Vec<lamplight_server::store::ExhaustedPayload>,
            now_ms: i64,
        ) -> lamplight_server::store::Answer<'_, ()> {
            self.inner.set_aside(lease, exhausted, now_ms)
        }
        fn list_set_aside(
            &self,
            after: Option<lamplight_server::store::PayloadId>,
            limit: u32,
        ) -> lamplight_server::store::Answer<'_, Vec<lamplight_server::store::SetAsidePayload>> {
            self.inner.list_set_aside(after, limit)
        }
        fn list_discarded(
            &self,
            after: Option<lamplight_server::store::PayloadId>,
            limit: u32,
        ) -> lamplight_server::store::Answer<'_, Vec<lamplight_server::store::SetAsidePayload>> {
            self.inner.list_discarded(after, limit)
        }
        fn discard(
            &self,
            id: lamplight_server::store::PayloadId,
            now_ms: i64,
        ) -> lamplight_server::store::Answer<'_, bool> {
            self.inner.discard(id, now_ms)
        }
        fn restore(
            &self,
            id: lamplight_server::store::PayloadId,
        ) -> lamplight_server::store::Answer<'_, bool> {
            self.inner.restore(id)
        }
        fn state(
            &self,
            id: lamplight_server::store::PayloadId,
        ) -> lamplight_server::store::Answer<'_, Option<lamplight_server::store::PayloadState>> {
            self.inner.state(id)
        }
        fn unprocessed(
            &self,
            payloads_max: u32,
            unpacked_bytes_max: u64,
        ) -> lamplight_server::store::Answer<'_, lamplight_server::store::Unprocessed> {
            self.inner.unprocessed(payloads_max, unpacked_bytes_max)
        }
        fn retry(
            &self,
            id: lamplight_server::store::PayloadId,
            due_ms: i64,
        ) -> lamplight_server::store::Answer<'_, bool> {
            self.inner.retry(id, due_ms)
        }
        fn workers_max(&self) -> u32 {
            self.inner.workers_max()
        }
        fn staged(
            &self,
            worker: lamplight_server::store::WorkerSlot,
        ) -> std::pin::Pin<Box<dyn std::future::Future<Output = ()> + Send + '_>> {
            self.inner.staged(worker)
        }
    };
}
