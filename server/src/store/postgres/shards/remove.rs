//! Removing a shard that has nothing any more.

use super::error::ShardError;
use super::mover::{MoveWatch, Mover};
use super::remains::{Left, Remains};
use crate::counted::counted;

impl Mover {
    /// Removes a shard from the map. Servers read nothing from it from then on.
    ///
    /// Payloads that it has received, and that were processed, are left behind with
    /// `without_payloads`.
    ///
    /// # Errors
    /// [`ShardError::Remove`], while it has something that would be missing.
    pub async fn remove(
        &mut self,
        number: u16,
        without_payloads: bool,
        watch: &mut dyn MoveWatch,
    ) -> Result<(), ShardError> {
        self.catch_up(watch).await?;
        let refused = |reason: String| Err(ShardError::Remove { number, reason });
        let map = &self.shards.map;
        if !map.shards.contains(&number) {
            return refused("there is no such shard. See `lamplight shards status`".to_owned());
        }
        if number == map.control() {
            return refused(
                "it has the keys, sessions, saved views and trends, and stays".to_owned(),
            );
        }
        if map.moving.is_some() {
            let text = "buckets are on their way. Finish that with `lamplight shards move` first";
            return refused(text.to_owned());
        }
        let owned = map.owned_by(number).len() as u64;
        let Some(next) = map.without(number).filter(|_| owned == 0) else {
            let buckets = counted(owned, "bucket", "buckets");
            return refused(format!(
                "it holds {buckets}. Run `lamplight shards move --drain {number}` first"
            ));
        };
        let shard = self.shards.shard(number)?;
        let left = Left::of(shard).await?;
        if let Some(reason) = left.keeps_it(without_payloads) {
            return refused(reason);
        }
        let remains = Remains::of(shard).await?;
        let control = self.shards.shard(next.control())?;
        control.replace_and_add(&next, &remains).await?;
        self.shards.map = next;
        self.spread(watch).await
    }
}

impl Left {
    /// Why the shard must stay, and what to do.
    fn keeps_it(&self, without_payloads: bool) -> Option<String> {
        let some = |count: i64, one: &'static str, many: &'static str| {
            let count = u64::try_from(count).unwrap_or(0);
            (count > 0).then(|| counted(count, one, many).to_string())
        };
        if let Some(payloads) = some(self.set_aside, "payload is", "payloads are") {
            return Some(format!(
                "{payloads} set aside there. Retry or discard them first, in the console"
            ));
        }
        if let Some(payloads) = some(self.waiting, "payload waits", "payloads wait") {
            return Some(format!(
                "{payloads} there to be processed. Let a server finish that, and run the command again"
            ));
        }
        if let Some(events) = some(self.events + self.deliveries, "row is", "rows are") {
            return Some(format!(
                "{events} there that belong to no bucket of it. Check it with `lamplight verify`"
            ));
        }
        let payloads = some(self.payloads, "payload", "payloads").filter(|_| !without_payloads)?;
        Some(format!(
            "it still has the bodies of {payloads}, which replays would lack. Wait until retention has deleted \
             them, or give --without-payloads"
        ))
    }
}
