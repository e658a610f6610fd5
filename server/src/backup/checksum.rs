//! SHA-256 of files, and copies that are checked while they are made.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::system::private_file;
use crate::system::throttle::{Throttle, ThrottledWork, WORK_BYTES};

/// The size of a file and its SHA-256, in hexadecimal.
pub(super) fn sha256(
    path: &Path,
    throttle: Throttle,
    reach: &mut dyn FnMut(u64),
) -> io::Result<(u64, String)> {
    let mut file = private_file::open(OpenOptions::new().read(true), path)?;
    read_through(
        &mut file,
        &mut throttle.begin(),
        &mut |_, work| {
            work.rest();
            Ok(())
        },
        reach,
    )
}

/// Copies a file to a new one for the user of the process only, syncs it, and returns its size and
/// its SHA-256.
pub(super) fn copy_checked(
    from: &Path,
    to: &Path,
    throttle: Throttle,
    reach: &mut dyn FnMut(u64),
) -> io::Result<(u64, String)> {
    let mut file = private_file::open(OpenOptions::new().read(true), from)?;
    let mut copy = private_file::create_new(to)?;
    let write = &mut |read: &[u8], work: &mut ThrottledWork| {
        copy.write_all(read)?;
        work.wrote(&copy, read.len() as u64)
    };
    let done = read_through(&mut file, &mut throttle.begin(), write, reach)?;
    copy.sync_all()?;
    Ok(done)
}

fn read_through(
    file: &mut File,
    work: &mut ThrottledWork,
    each: &mut dyn FnMut(&[u8], &mut ThrottledWork) -> io::Result<()>,
    reach: &mut dyn FnMut(u64),
) -> io::Result<(u64, String)> {
    let (mut hash, mut chunk, mut bytes) = (Sha256::new(), vec![0; WORK_BYTES], 0);
    loop {
        let count = match file.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let Some(read) = chunk.get(..count).filter(|read| !read.is_empty()) else { break };
        hash.update(read);
        each(read, work)?;
        bytes += count as u64;
        reach(bytes);
    }
    Ok((bytes, data_encoding::HEXLOWER.encode(&hash.finalize())))
}

/// Syncs a directory, so that the names in it survive a power cut.
#[cfg(unix)]
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Windows cannot sync a directory. NTFS writes changes of names to its journal in their order, and
/// whoever syncs a file afterwards syncs the journal up to there.
#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "has the form of the other one")]
pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
