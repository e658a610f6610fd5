//! A directory for the data of the server and the profile of the browser.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::ChaosError;

/// How often its removal is tried, because processes that were killed may still write a moment.
const TRIES: u32 = 50;

/// A directory that is removed at the end.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes it below the system's directory for temporary files, for this user only.
    pub(super) fn make() -> Result<Self, ChaosError> {
        let parent = std::env::temp_dir();
        let made = tempfile::Builder::new().prefix("lamplight-chaos-").tempdir_in(&parent);
        let dir = made.map_err(|error| {
            ChaosError::System(format!(
                "make a temporary directory in {}: {error}",
                parent.display()
            ))
        })?;
        Ok(Self(dir.keep()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes a directory in it.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf, ChaosError> {
        let folder = self.0.join(name);
        std::fs::create_dir_all(&folder).map_err(|error| {
            ChaosError::System(format!("make the directory {}: {error}", folder.display()))
        })?;
        Ok(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for _ in 0..TRIES {
            let removed = std::fs::remove_dir_all(&self.0);
            if removed.is_ok() || !self.0.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        tracing::warn!(path = %self.0.display(), "failed to remove temporary files: remove them");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_and_everything_in_it_is_removed() {
        let scratch = Scratch::make().unwrap();
        let path = scratch.path().to_owned();
        let folder = scratch.folder("profile").unwrap();
        std::fs::write(folder.join("file"), "x").unwrap();
        assert!(path.exists());
        drop(scratch);
        assert!(!path.exists());
    }
}
