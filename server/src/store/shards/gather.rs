//! Asking all databases at the same time.

use futures_util::future::join_all;

use super::{MAPS_MAX, Shard, Shards};
use crate::store::partial::Missing;
use crate::store::{Answer, Storage, StoreError};

/// What a database answered.
pub(super) type Answered<'s, T> = (&'s Shard, Result<T, StoreError>);

impl Shards {
    /// What each database answers to a read.
    pub(super) async fn each<'s, T>(
        &'s self,
        ask: impl Fn(&'s Storage) -> Answer<'s, T>,
    ) -> Vec<Answered<'s, T>> {
        let asked = |shard: &'s Shard| {
            let answer = ask(&shard.storage);
            async move { (shard, shard.read(answer).await) }
        };
        let map = self.map_of_read();
        let shown = self.all.iter().filter(|shard| map.shards.contains(&shard.number));
        join_all(shown.map(asked)).await
    }

    /// What the databases answer to a read. One that is down is left out, if whoever asks takes a
    /// part for an answer.
    ///
    /// # Errors
    /// [`StoreError`], if nothing can be read, or only a part of it and nobody takes that.
    pub(super) async fn read_all<'s, T>(
        &'s self,
        ask: impl Fn(&'s Storage) -> Answer<'s, T>,
    ) -> Result<Vec<(&'s Shard, T)>, StoreError> {
        present(self.each(ask).await)
    }

    /// The answers alone.
    ///
    /// # Errors
    /// As of [`Self::read_all`].
    pub(super) async fn values<'s, T>(
        &'s self,
        ask: impl Fn(&'s Storage) -> Answer<'s, T>,
    ) -> Result<Vec<T>, StoreError> {
        let read = self.read_all(ask).await?;
        Ok(read.into_iter().map(|(_, answer)| answer).collect())
    }

    /// What a database answers to a read of what nobody else has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn read_in<'s, T>(
        &'s self,
        number: u16,
        ask: impl FnOnce(&'s Storage) -> Answer<'s, T>,
    ) -> Result<T, StoreError> {
        let shard = self.numbered(number).ok_or_else(Shard::down)?;
        shard.read(ask(&shard.storage)).await
    }

    /// What the only database answers to a read that can have an answer. `None` if it is down and
    /// whoever asks takes a part for an answer: here, nothing.
    ///
    /// # Errors
    /// [`StoreError`], if it cannot be read.
    pub(super) async fn read_one<'s, T>(
        &'s self,
        number: u16,
        ask: impl FnOnce(&'s Storage) -> Answer<'s, T>,
    ) -> Result<Option<T>, StoreError> {
        match (self.read_in(number, ask).await, Missing::of_this_answer()) {
            (Ok(answer), _) => Ok(Some(answer)),
            (Err(StoreError::Down { .. }), Some(missing)) => {
                missing.add(number);
                Ok(None)
            }
            (Err(failure), _) => Err(failure),
        }
    }

    /// Writes to all databases, also after one has failed.
    ///
    /// # Errors
    /// [`StoreError`], of the first that failed.
    pub(super) async fn write_all<T>(
        &self,
        write: impl Fn(&Storage) -> Answer<'_, T>,
    ) -> Result<Vec<T>, StoreError> {
        let written = join_all(self.all.iter().map(|shard| self.write_in(shard, &write))).await;
        written.into_iter().collect()
    }

    /// Writes to one database, once more if it has another map than this server.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn write_in<T>(
        &self,
        shard: &Shard,
        write: &impl Fn(&Storage) -> Answer<'_, T>,
    ) -> Result<T, StoreError> {
        let mut written = shard.write(write).await;
        for _ in 0..MAPS_MAX {
            if !matches!(written, Err(StoreError::OtherEpoch { .. })) {
                break;
            }
            self.map.refresh().await?;
            written = shard.write(write).await;
        }
        written
    }

    /// The first answer to a search for what is in one database, which is not known.
    ///
    /// # Errors
    /// [`StoreError`], if it was not found and a database is down that may have it.
    pub(super) async fn find<'s, T>(
        &'s self,
        ask: impl Fn(&'s Storage) -> Answer<'s, Option<T>>,
    ) -> Result<Option<T>, StoreError> {
        let mut failure = None;
        for (_, answer) in self.each(ask).await {
            match answer {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(None), Err)
    }

    /// Changes something that is in one database, which is not known. Returns whether it was there.
    ///
    /// # Errors
    /// [`StoreError`], if it was not there and a database is down that may have it.
    pub(super) async fn change(
        &self,
        change: impl Fn(&Storage) -> Answer<'_, bool>,
    ) -> Result<bool, StoreError> {
        let written = join_all(self.all.iter().map(|shard| self.write_in(shard, &change))).await;
        if written.iter().any(|it| matches!(it, Ok(true))) {
            return Ok(true);
        }
        written.into_iter().collect::<Result<Vec<_>, _>>().map(|_| false)
    }
}

/// The answers that are there.
///
/// # Errors
/// As of [`Shards::read_all`].
pub(super) fn present<T>(answered: Vec<Answered<'_, T>>) -> Result<Vec<(&Shard, T)>, StoreError> {
    let missing = Missing::of_this_answer();
    let (mut there, mut down) = (Vec::with_capacity(answered.len()), Vec::new());
    for (shard, answer) in answered {
        match (answer, &missing) {
            (Ok(answer), _) => there.push((shard, answer)),
            (Err(failure), Some(_)) if shard.is_missing(&failure) => down.push((shard, failure)),
            (Err(failure), _) => return Err(failure),
        }
    }
    if there.is_empty()
        && let Some((_, failure)) = down.pop()
    {
        return Err(failure);
    }
    if let Some(missing) = missing {
        for (shard, _) in down {
            missing.add(shard.number);
        }
    }
    Ok(there)
}
