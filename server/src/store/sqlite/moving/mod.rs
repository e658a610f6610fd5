//! A data directory, as a migration reads and writes it.

mod directory;
mod new_directory;
mod prepare;
mod read;
mod tables;
mod write;

pub use directory::{Directory, DirectoryError};
