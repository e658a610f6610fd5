//! The drain of a shard: it takes groups from the stream and stages them in the shard's queue.
//!
//! A group is acknowledged only after all its payloads are on disk there, and the acknowledgement
//! itself is acknowledged. Whatever fails in between, the group is delivered again, to this server
//! or another one, and staging it again changes nothing.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::time::timeout;

use super::counts::DrainCounts;
use super::group;
use super::link::{Link, causes};
use crate::store::{NewPayload, PayloadQueue, StoreError};

/// The most groups that are staged together: about as many bytes as one commit of the database
/// takes.
const GROUPS_MAX: usize = 6;
/// How long to wait for a group while there is none. The end of the drain waits for as long.
const IDLE: Duration = Duration::from_millis(500);
/// How long the cluster may take to hand out what it has, beyond that.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long the drain rests after a failure, at first and at most. So does the group.
const REST_MS: (u64, u64) = (100, 10_000);
/// When a group is delivered again that this server cannot read. A newer one may.
const UNREADABLE_REST: Duration = Duration::from_mins(1);
/// How long staging may go on once the server shuts down.
const END_MAX: Duration = Duration::from_millis(1_500);

/// The drain of a shard.
pub(super) struct Drain {
    pub(super) link: Arc<Link>,
    pub(super) shard: u16,
    /// The queue behind the stream.
    pub(super) queue: Arc<dyn PayloadQueue>,
    pub(super) counts: Arc<DrainCounts>,
    pub(super) stop: watch::Receiver<bool>,
}

/// A group that was taken, and its payloads.
struct Taken {
    message: Message,
    payloads: Vec<NewPayload>,
}

impl Drain {
    /// Runs until `stop` holds true.
    pub(super) async fn run(mut self) {
        let mut rest_ms = REST_MS.0;
        let mut consumer = None;
        while !*self.stop.borrow() {
            match self.round(&mut consumer).await {
                Ok(()) => rest_ms = REST_MS.0,
                Err(why) => {
                    tracing::warn!(
                        why,
                        shard = self.shard,
                        rest_ms,
                        "failed to drain the intake stream"
                    );
                    // The consumer may have been deleted.
                    consumer = None;
                    let rest = tokio::time::sleep(Duration::from_millis(rest_ms));
                    tokio::select! {
                        () = rest => {}
                        _ = self.stop.changed() => {}
                    }
                    rest_ms = (rest_ms * 2).min(REST_MS.1);
                }
            }
        }
    }

    /// Takes what there is and stages it.
    async fn round(&mut self, known: &mut Option<PullConsumer>) -> Result<(), String> {
        let consumer = match known {
            Some(consumer) => consumer,
            None => known.insert(self.consumer().await?),
        };
        let taken = self.take(consumer).await?;
        if taken.is_empty() { Ok(()) } else { self.stage(taken).await }
    }

    async fn consumer(&self) -> Result<PullConsumer, String> {
        let (consumer, faults) = self.link.consumer(self.shard).await?;
        if faults.is_empty() { Ok(consumer) } else { Err(faults.join(". ")) }
    }

    /// The groups that wait, or the next one within a moment. Those that cannot be read stay in the
    /// stream.
    async fn take(&self, consumer: &PullConsumer) -> Result<Vec<Taken>, String> {
        let waiting = consumer.fetch().max_messages(GROUPS_MAX).messages();
        let mut messages = collect(waiting).await?;
        if messages.is_empty() {
            let next = consumer.batch().max_messages(1).expires(IDLE).messages();
            messages = collect(next).await?;
        }
        let mut taken = Vec::new();
        for message in messages {
            let is_repeated = message.info().is_ok_and(|info| info.delivered > 1);
            self.counts.delivered(is_repeated);
            match group::decode(&message.payload) {
                Ok(payloads) => taken.push(Taken { message, payloads }),
                Err(error) => self.leave(&message, &error).await,
            }
        }
        Ok(taken)
    }

    /// Leaves a group in the stream that cannot be read. Its content is in no log.
    async fn leave(&self, message: &Message, error: &group::GroupError) {
        self.counts.unreadable();
        let sequence = message.info().map_or(0, |info| info.stream_sequence);
        let bytes = message.payload.len();
        tracing::error!(
            %error, sequence, bytes, shard = self.shard,
            "a message of the intake stream cannot be read, and stays there: if servers are being \
             updated, a newer one reads it"
        );
        refuse(message, UNREADABLE_REST).await;
    }

    /// Stages groups and acknowledges them. If one cannot be staged, only that one is delivered
    /// again.
    async fn stage(&mut self, taken: Vec<Taken>) -> Result<(), String> {
        let all = taken.iter().flat_map(|it| it.payloads.iter().cloned()).collect();
        match self.stage_in_time(all).await {
            Ok(()) => {
                acknowledge_all(taken.iter().map(|it| &it.message)).await;
                Ok(())
            }
            Err(error @ (StoreError::Down { .. } | StoreError::Full { .. })) => {
                refuse_all(&taken).await;
                Err(error.to_string())
            }
            Err(error) if taken.len() == 1 => {
                refuse_all(&taken).await;
                Err(causes(&error))
            }
            Err(_) => {
                let mut failed = None;
                for one in taken {
                    failed = Box::pin(self.stage(vec![one])).await.err().or(failed);
                }
                failed.map_or(Ok(()), Err)
            }
        }
    }

    async fn stage_in_time(&self, payloads: Vec<NewPayload>) -> Result<(), StoreError> {
        let mut stop = self.stop.clone();
        let ending = async {
            // An error means that nobody can stop it any more.
            drop(stop.wait_for(|stop| *stop).await);
            tokio::time::sleep(END_MAX).await;
        };
        tokio::select! {
            staged = self.queue.stage_all(payloads) => staged,
            () = ending => Err(StoreError::Down { retry_after_s: 1 }),
        }
    }
}

/// The messages of a request for some.
async fn collect<E: std::error::Error + 'static>(
    asking: impl Future<Output = Result<async_nats::jetstream::consumer::pull::Batch, E>>,
) -> Result<Vec<Message>, String> {
    let mut messages = Vec::new();
    let collecting = async {
        let mut batch = asking.await.map_err(|error| causes(&error))?;
        while let Some(message) = batch.next().await {
            match message {
                Ok(message) => messages.push(message),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    };
    let ended = match timeout(IDLE + ANSWER_MAX, collecting).await {
        Ok(ended) => ended,
        Err(_) => Err("the intake stream does not answer".to_owned()),
    };
    // What was delivered is staged, however the request ended.
    if messages.is_empty() { ended.map(|()| messages) } else { Ok(messages) }
}

/// Acknowledges groups, each until that is acknowledged. Those that are not are delivered again.
async fn acknowledge_all<'m>(messages: impl Iterator<Item = &'m Message>) {
    let acknowledging = messages.map(|message| async move {
        if let Err(error) = message.double_ack_with(AckKind::Ack).await {
            tracing::debug!(%error, "a group that is stored will be delivered again");
        }
    });
    futures_util::future::join_all(acknowledging).await;
}

async fn refuse_all(taken: &[Taken]) {
    for one in taken {
        let before = one.message.info().map_or(0, |info| info.delivered).clamp(0, 7);
        let rest_ms = (REST_MS.0 << before).min(REST_MS.1);
        refuse(&one.message, Duration::from_millis(rest_ms)).await;
    }
}

/// Has a message delivered again, no sooner than after `rest`.
async fn refuse(message: &Message, rest: Duration) {
    if let Err(error) = message.ack_with(AckKind::Nak(Some(rest))).await {
        tracing::debug!(%error, "a group is delivered again only after its time");
    }
}
