//! The layer itself: the file system that SQLite uses anyway, with four of its functions replaced.
//!
//! `https://sqlite.org/vfs.html`. A file keeps the layout of the real file system; only its table
//! of functions is exchanged for a copy with ours in it, so that locks and shared memory are the
//! real ones.

use std::collections::HashMap;
#[cfg(unix)]
use std::ffi::OsStr;
use std::ffi::{CStr, c_char, c_int, c_void};
#[cfg(unix)]
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use rusqlite::ffi;

use crate::disk::Disk;
use crate::image::Change;

/// A table of functions with ours in it. The table stands first, so that a pointer to one is a
/// pointer to the other.
#[repr(C)]
struct Patched {
    methods: ffi::sqlite3_io_methods,
    real: *const ffi::sqlite3_io_methods,
}

/// An open file that is watched.
struct Watched {
    disk: Disk,
    path: PathBuf,
    /// Whether its next sync is to sync the folder too.
    enters: bool,
}

/// Pointers are kept as addresses, because pointers cannot be shared between threads. What they
/// point to is never freed.
#[derive(Default)]
struct Mounted {
    disks: Vec<Disk>,
    files: HashMap<usize, Watched>,
    /// Ours, by the real table.
    tables: HashMap<usize, usize>,
    /// The real file system.
    real: usize,
}

static MOUNTED: Mutex<Option<Mounted>> = Mutex::new(None);
static REGISTER: Once = Once::new();

fn mounted() -> MutexGuard<'static, Option<Mounted>> {
    MOUNTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches a disk until the process ends.
pub(crate) fn mount(disk: Disk) {
    REGISTER.call_once(register);
    let mut mounted = mounted();
    let disks = &mut mounted.get_or_insert_default().disks;
    disks.retain(|disk| !disk.is_forgotten());
    disks.push(disk);
}

fn register() {
    // SAFETY: the real file system is there from SQLite's initialization to the end of the process,
    // and so is our copy of it, which is leaked. The copy's functions are called with the copy,
    // whose private part is that of the original.
    unsafe {
        let real = ffi::sqlite3_vfs_find(std::ptr::null());
        assert!(!real.is_null(), "SQLite has a file system");
        mounted().get_or_insert_default().real = real as usize;
        let mut ours = std::ptr::read(real);
        ours.zName = c"faulty-disk".as_ptr();
        ours.pNext = std::ptr::null_mut();
        ours.xOpen = Some(open);
        ours.xDelete = Some(delete);
        let registered = ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1);
        assert_eq!(registered, ffi::SQLITE_OK, "the layer is registered");
    }
}

fn real_vfs() -> *mut ffi::sqlite3_vfs {
    mounted().as_ref().map_or(0, |mounted| mounted.real) as *mut ffi::sqlite3_vfs
}

/// # Safety
/// `name` is null or a C string.
unsafe fn path_of(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) };
    Some(real_path(name.to_bytes()))
}

#[cfg(unix)]
fn real_path(name: &[u8]) -> PathBuf {
    Path::new(OsStr::from_bytes(name)).to_owned()
}

/// In the form that `canonicalize` gives the folder.
#[cfg(windows)]
fn real_path(name: &[u8]) -> PathBuf {
    let path = Path::new(str::from_utf8(name).unwrap_or_default());
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    folder.zip(path.file_name()).map_or_else(|| path.to_owned(), |(folder, name)| folder.join(name))
}

fn disk_of(path: &Path) -> Option<Disk> {
    mounted().as_ref()?.disks.iter().find(|disk| disk.holds(path)).cloned()
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls this as it would call the real function, with what that one expects.
    unsafe {
        let path = path_of(name);
        let disk = path.as_deref().and_then(disk_of);
        if disk.as_ref().is_some_and(Disk::is_cut) {
            (*file).pMethods = std::ptr::null();
            return ffi::SQLITE_CANTOPEN;
        }
        let Some(real) = (*real_vfs()).xOpen else { return ffi::SQLITE_CANTOPEN };
        let opened = real(vfs, name, file, flags, out_flags);
        if opened == ffi::SQLITE_OK
            && let Some((path, disk)) = path.zip(disk)
        {
            disk.opened(&path);
            // As the real one does (`isNewJrnl` in os_unix.c), whether the file was there or not.
            let is_log = flags & (ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL) != 0;
            let enters = is_log && flags & ffi::SQLITE_OPEN_CREATE != 0;
            let watched = Watched { disk, path, enters };
            let mut mounted = mounted();
            let mounted = mounted.get_or_insert_default();
            mounted.files.insert(file as usize, watched);
            (*file).pMethods = patched(mounted, (*file).pMethods);
        }
        opened
    }
}

/// # Safety
/// `real` is a table with a static lifetime.
unsafe fn patched(
    mounted: &mut Mounted,
    real: *const ffi::sqlite3_io_methods,
) -> *const ffi::sqlite3_io_methods {
    let table = mounted.tables.entry(real as usize).or_insert_with(|| {
        // SAFETY: the caller's promise. The copy is leaked, so its lifetime is static, too.
        let mut methods = unsafe { std::ptr::read(real) };
        methods.xClose = Some(close);
        methods.xWrite = Some(write);
        methods.xTruncate = Some(truncate);
        methods.xSync = Some(sync);
        // Writes through mapped memory would bypass this layer.
        methods.iVersion = methods.iVersion.min(2);
        std::ptr::from_ref(Box::leak(Box::new(Patched { methods, real }))) as usize
    });
    *table as *const ffi::sqlite3_io_methods
}

/// # Safety
/// `file` is open and its table is one of ours.
unsafe fn real_methods(file: *mut ffi::sqlite3_file) -> *const ffi::sqlite3_io_methods {
    // SAFETY: the caller's promise; in `Patched` the table stands first.
    unsafe { (*(*file).pMethods.cast::<Patched>()).real }
}

/// The result of `operation` for a watched file, and `true` for any other.
fn allowed(file: *mut ffi::sqlite3_file, operation: impl FnOnce(&mut Watched) -> bool) -> bool {
    let mut mounted = mounted();
    mounted
        .as_mut()
        .and_then(|mounted| mounted.files.get_mut(&(file as usize)))
        .is_none_or(operation)
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    if let Some(mounted) = mounted().as_mut() {
        mounted.files.remove(&(file as usize));
    }
    // SAFETY: only files with our table get here.
    unsafe {
        let real = real_methods(file);
        (*file).pMethods = real;
        (*real).xClose.map_or(ffi::SQLITE_IOERR, |close| close(file))
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite passes `amount` readable bytes; only files with our table get here.
    unsafe {
        let written =
            std::slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(amount).unwrap_or(0));
        let at = usize::try_from(offset).unwrap_or(0);
        let change = Change::Write { at, bytes: written.to_vec() };
        if !allowed(file, |watched| watched.disk.change(&watched.path, change)) {
            return ffi::SQLITE_IOERR_WRITE;
        }
        (*real_methods(file))
            .xWrite
            .map_or(ffi::SQLITE_IOERR, |write| write(file, bytes, amount, offset))
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    let change = Change::Truncate { bytes: usize::try_from(size).unwrap_or(0) };
    if !allowed(file, |watched| watched.disk.change(&watched.path, change)) {
        return ffi::SQLITE_IOERR_TRUNCATE;
    }
    // SAFETY: only files with our table get here.
    unsafe {
        (*real_methods(file)).xTruncate.map_or(ffi::SQLITE_IOERR, |truncate| truncate(file, size))
    }
}

/// Nothing is synced to the real disk: what counts is what this one reports.
unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    let synced = allowed(file, |watched| {
        let enters = std::mem::take(&mut watched.enters);
        watched.disk.sync(&watched.path, enters)
    });
    if synced { ffi::SQLITE_OK } else { ffi::SQLITE_IOERR_FSYNC }
}

unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: SQLite calls this as it would call the real function.
    unsafe {
        if let Some(path) = path_of(name)
            && let Some(disk) = disk_of(&path)
            && !disk.deleted(&path, sync_folder != 0)
        {
            return ffi::SQLITE_IOERR_DELETE;
        }
        let Some(real) = (*real_vfs()).xDelete else { return ffi::SQLITE_IOERR_DELETE };
        real(vfs, name, sync_folder)
    }
}
