//! What the full client does with a response.

use lamplight_wire::reason::DropReason;

use super::FullClient;
use super::contents::RequestContents;
use crate::client::core::Request;
use crate::ports::{Ports, Response};
use crate::queue::PageQueue;
use crate::send::backoff::{PROBE_MS_MAX, RetryDelay, STEP_MS_MAX};
use crate::send::batch;
use crate::send::response::{ResponseAction, classify};

impl<P: Ports> FullClient<P> {
    pub(super) fn take_response(&mut self, request: Request<RequestContents>, response: &Response) {
        match classify(response, request.events) {
            ResponseAction::Accept => self.accepted(request, &response.body),
            ResponseAction::Halve => {
                self.core.events_max = (request.events / 2).max(1);
                self.requeue(&request);
                // Send the smaller batch at once: the server works, only the batch was refused.
                self.core.last_sent_ms = None;
            }
            ResponseAction::Drop(reason) => self.drop_only_event(request, reason),
            ResponseAction::Retry(delay) => self.retry_later(&request, delay, response.status),
        }
    }

    /// Treats requests whose response is overdue as failed.
    pub(super) fn time_out(&mut self, now_ms: u64) {
        while let Some(request) = self.core.take_overdue_request(now_ms) {
            self.retry_later(&request, RetryDelay::Jittered, 0);
        }
    }

    fn accepted(&mut self, request: Request<RequestContents>, answer: &str) {
        self.core.backoff.succeeded();
        self.core.events_max = (self.core.events_max * 2).min(self.core.options.events_max);
        match request.contents {
            RequestContents::Adopted(adopted) => self.accepted_adopted(adopted),
            RequestContents::Question => self.remove_arrived(answer),
            RequestContents::Own(declared) => {
                let core = &mut self.core;
                batch::remove_declared(&mut core.dropped, &declared);
                for (_, seqs) in &declared {
                    core.queue.remove_declared(&mut core.ports, &core.keys, seqs);
                }
                core.accepted(request.id);
            }
        }
    }

    fn drop_only_event(&mut self, request: Request<RequestContents>, reason: DropReason) {
        self.core.last_sent_ms = None;
        match request.contents {
            RequestContents::Own(_) => {
                if let Some(seq) = self.core.queue.drop_only_event(request.id) {
                    let seqs = [(seq, seq)].into_iter().collect();
                    batch::add_dropped(&mut self.core.dropped, reason, &seqs);
                    self.core.report_drop(reason, seq);
                }
            }
            RequestContents::Adopted(adopted) => self.drop_adopted(adopted, reason),
            // It has no event to drop.
            RequestContents::Question => {}
        }
    }

    fn retry_later(&mut self, request: &Request<RequestContents>, delay: RetryDelay, status: u16) {
        self.requeue(request);
        let longest_ms = if self.lease.is_mine() { PROBE_MS_MAX } else { STEP_MS_MAX };
        self.core.wait_after_failure(delay, longest_ms, status);
    }

    fn requeue(&mut self, request: &Request<RequestContents>) {
        // Adopted events never left the list of orphaned producers.
        if matches!(request.contents, RequestContents::Own(_)) {
            self.core.queue.requeue(request.id);
        }
    }
}
