//! One file: what is on the disk for certain, and what may be.

/// A sector reaches the disk completely or not at all.
const SECTOR_BYTES: usize = 512;

/// A change that is not synced.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { bytes: usize },
}

/// One file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    synced: Vec<u8>,
    pending: Vec<Change>,
    /// Whether its folder was synced since it was created.
    pub(crate) is_entered: bool,
    /// Whether it was deleted and its folder not synced since.
    pub(crate) is_deleted: bool,
}

impl Image {
    /// A file that was there before.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self { synced: bytes, pending: Vec::new(), is_entered: true, is_deleted: false }
    }

    /// A file that was deleted and created again.
    pub(crate) fn again(is_entered: bool) -> Self {
        Self { is_entered, ..Self::default() }
    }

    pub(crate) fn change(&mut self, change: Change) {
        self.pending.push(change);
    }

    pub(crate) fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            apply(&mut self.synced, &change, |_| true);
        }
    }

    /// Everything that was written, synced or not: what is left when only the process dies.
    pub(crate) fn written(&self) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        self.pending.iter().for_each(|change| apply(&mut bytes, change, |_| true));
        bytes
    }

    /// What may be left when the power fails: of what was not synced, the sectors that `keeps`
    /// picks.
    pub(crate) fn left(&self, mut keeps: impl FnMut() -> bool) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for change in &self.pending {
            apply(&mut bytes, change, |_| keeps());
        }
        bytes
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change, mut keeps: impl FnMut(usize) -> bool) {
    match change {
        Change::Truncate { bytes: len } => {
            if *len < bytes.len() && keeps(0) {
                bytes.truncate(*len);
            }
        }
        Change::Write { at, bytes: new } => {
            let mut from = 0;
            while from < new.len() {
                let sector = (at + from) / SECTOR_BYTES;
                let to = ((sector + 1) * SECTOR_BYTES - at).min(new.len());
                if keeps(sector) {
                    let end = at + to;
                    if bytes.len() < end {
                        bytes.resize(end, 0);
                    }
                    bytes[at + from..end].copy_from_slice(&new[from..to]);
                }
                from = to;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_synced_is_left_and_of_the_rest_any_sectors() {
        let mut image = Image::default();
        image.change(Change::Write { at: 0, bytes: vec![1; 1024] });
        image.sync();
        image.change(Change::Write { at: 500, bytes: vec![2; 600] });
        assert_eq!(image.left(|| false), [1; 1024]);
        let mut turn = false;
        let left = image.left(|| {
            turn = !turn;
            turn
        });
        assert_eq!((left.len(), left[511], left[512], left[1099]), (1100, 2, 1, 2));
        assert_eq!(image.left(|| true), image.written());
    }
}
