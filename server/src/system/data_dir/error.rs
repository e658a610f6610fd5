//! Why a data directory cannot be used.

use std::io;
use std::path::PathBuf;

/// The data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be created.
    #[error("create data directory {}; choose another one with --data", path.display())]
    Create {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is not writable.
    #[error(
        "write to data directory {}; make it writable for this user, or choose another one with --data",
        path.display()
    )]
    NotWritable {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The demo would serve events that are not its own, with a token that may read them all.
    #[error(
        "use data directory {} for the demo: it was not created by `lamplight demo`, and the demo \
         page may read everything. Choose a new directory with --data",
        path.display()
    )]
    NotOfDemo {
        /// Its path.
        path: PathBuf,
    },
    /// The server would store real events with those of the demo.
    #[error(
        "use data directory {}: it has the events of `lamplight demo`. Choose another one with \
         --data",
        path.display()
    )]
    OfDemo {
        /// Its path.
        path: PathBuf,
    },
    /// It does not exist, or holds no data.
    #[error(
        "find data in {}: there is no intake.db. Name the data directory of the server with --data",
        path.display()
    )]
    NoData {
        /// Its path.
        path: PathBuf,
    },
    /// It is in a directory that the demo and the server must not share.
    #[error(
        "use data directory {}: it is inside {}, which is the data directory of {}. Choose a \
         directory outside of it with --data",
        path.display(), outer.display(), if *is_demo { "`lamplight demo`" } else { "a server" }
    )]
    Inside {
        /// Its path.
        path: PathBuf,
        /// The data directory around it.
        outer: PathBuf,
        /// Whether that is one of the demo.
        is_demo: bool,
    },
    /// Another process uses it.
    #[error(
        "lock data directory {}: another lamplight process is using it. Stop that process, or \
         choose another directory with --data",
        path.display()
    )]
    Locked {
        /// Its path.
        path: PathBuf,
    },
    /// Everything in it was moved to a database, or is being moved.
    #[error(
        "use data directory {}: everything in it {} {place} on {date}. Start the server with that database \
         (LAMPLIGHT_DATABASE_URL){}. To use the directory as it was then, without what the database has received \
         since, run `lamplight migrate --undo --from {}`",
        path.display(),
        if *is_complete { "was moved to" } else { "began to move to" },
        if *is_complete { "" } else { ", and run the same `lamplight migrate` again, which goes on where it stopped" },
        path.display()
    )]
    Moved {
        /// Its path.
        path: PathBuf,
        /// Where to.
        place: String,
        /// When that began.
        date: String,
        /// Whether all of it is there.
        is_complete: bool,
    },
    /// A migration to it has not finished.
    #[error(
        "use data directory {}: a migration of {place} to it has not finished. Run the same `lamplight migrate` \
         again, which goes on where it stopped",
        path.display()
    )]
    Arriving {
        /// Its path.
        path: PathBuf,
        /// Where from.
        place: String,
    },
    /// What was moved cannot be read or recorded.
    #[error("read or write {}", path.display())]
    MovedFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A restore has not finished.
    #[error(
        "use data directory {}: a restore of a backup to it has not finished. Run `lamplight restore` \
         again, which starts from the beginning",
        path.display()
    )]
    Restoring {
        /// Its path.
        path: PathBuf,
    },
}
