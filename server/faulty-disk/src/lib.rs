//! A disk for tests that loses what was not synced.
//!
//! [`Disk::watch`] puts a layer between SQLite and the files of one folder. Reads, locks and shared
//! memory go to the real files; writes go there too, and are kept in order until the file is
//! synced. [`Disk::cut_after`] makes the disk fail from the nth operation on, until
//! [`Disk::restore`], and [`Disk::after_power_cut`] makes a folder with what such a disk might hold
//! afterwards: everything synced, and of the rest any sectors whatever.
//!
//! What it takes from POSIX: a write is atomic per sector of 512 bytes at most, writes may reach
//! the disk in any order, a new file may vanish until its folder is synced, a deleted one may come
//! back. (SQLite syncs the folder together with a new log's first sync.)
#![allow(
    unsafe_code,
    reason = "SQLite's interface for file systems is one of pointers to C functions"
)]

mod disk;
mod image;
mod vfs;

pub use disk::Disk;
