//! Records every statement that SQLite runs in this process, for tests that check all of them.
//!
//! `https://sqlite.org/c3ref/auto_extension.html`, `https://sqlite.org/c3ref/trace_v2.html`.
#![allow(unsafe_code, reason = "SQLite's interface for tracing is one of pointers to C functions")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::ffi;

/// A statement, and the file it was run on.
pub type Statement = (PathBuf, String);

static STATEMENTS: Mutex<BTreeSet<Statement>> = Mutex::new(BTreeSet::new());
static RUNS: Mutex<BTreeMap<PathBuf, u64>> = Mutex::new(BTreeMap::new());

/// Records every statement of every connection that is opened from now on.
///
/// # Panics
/// If SQLite cannot allocate memory.
pub fn begin() {
    // SAFETY: the function has the signature that SQLite expects, and a static lifetime.
    let registered = unsafe { ffi::sqlite3_auto_extension(Some(opened)) };
    assert_eq!(registered, ffi::SQLITE_OK, "SQLite takes the extension");
}

/// The statements that were run on files in `folder`, each once, with their parameters as
/// placeholders.
pub fn statements(folder: &Path) -> Vec<Statement> {
    let statements = STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner);
    statements.iter().filter(|(path, _)| path.starts_with(folder)).cloned().collect()
}

/// How often statements were run on files in `folder`.
pub fn runs(folder: &Path) -> u64 {
    let runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
    runs.iter().filter(|(path, _)| path.starts_with(folder)).map(|(_, count)| count).sum()
}

unsafe extern "C" fn opened(
    connection: *mut ffi::sqlite3,
    _message: *mut *mut c_char,
    _api: *const ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: SQLite passes a connection that is being opened. The function has a static lifetime.
    unsafe {
        let what = c_uint::try_from(ffi::SQLITE_TRACE_STMT).unwrap_or_default();
        ffi::sqlite3_trace_v2(connection, what, Some(ran), std::ptr::null_mut())
    }
}

unsafe extern "C" fn ran(
    _what: c_uint,
    _context: *mut c_void,
    statement: *mut c_void,
    _text: *mut c_void,
) -> c_int {
    // SAFETY: for this kind of trace SQLite passes a prepared statement that is about to run. Its
    // text and the name of its file are C strings that live at least until this returns.
    unsafe {
        let statement = statement.cast::<ffi::sqlite3_stmt>();
        let (sql, file) = (
            ffi::sqlite3_sql(statement),
            ffi::sqlite3_db_filename(ffi::sqlite3_db_handle(statement), c"main".as_ptr()),
        );
        if !sql.is_null() && !file.is_null() {
            let sql = CStr::from_ptr(sql).to_string_lossy().into_owned();
            let file = PathBuf::from(CStr::from_ptr(file).to_string_lossy().into_owned());
            let mut runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
            *runs.entry(file.clone()).or_default() += 1;
            STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner).insert((file, sql));
        }
    }
    0
}
