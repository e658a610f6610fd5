//! Who may use a file or a directory.

use std::io;
use std::path::Path;
use std::ptr::{addr_of, null_mut};

use windows_sys::Win32::Foundation::{GENERIC_ALL, GENERIC_READ, GENERIC_WRITE, LocalFree};
use windows_sys::Win32::Security::Authorization::{GetNamedSecurityInfoW, SE_FILE_OBJECT};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACL, DACL_SECURITY_INFORMATION, GetAce, INHERIT_ONLY_ACE,
    OWNER_SECURITY_INFORMATION,
};
use windows_sys::Win32::Storage::FileSystem::{FILE_APPEND_DATA, FILE_READ_DATA, FILE_WRITE_DATA};

use crate::account::Account;
use crate::path_text::wide;

/// What reads or changes a file, or lists or changes a directory.
const USES: u32 = FILE_READ_DATA
    | FILE_WRITE_DATA
    | FILE_APPEND_DATA
    | GENERIC_READ
    | GENERIC_WRITE
    | GENERIC_ALL;
/// The kind of an entry that allows something (`ACCESS_ALLOWED_ACE_TYPE`).
const ALLOWS: u8 = 0;

/// The identifier of everybody, and its usual name.
const EVERYONE: (&str, &str) = ("Everyone", "S-1-1-0");
/// The system and administrators.
const TRUSTED: [&str; 2] = ["S-1-5-18", "S-1-5-32-544"];

/// The users and groups, beside the user of this process, the system and administrators, that can
/// read or change something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Others {
    /// Their names and identifiers.
    all: Vec<(String, String)>,
    /// The identifier of this process's user.
    user: String,
}

impl Others {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Their names, for a message.
    pub fn names(&self) -> String {
        self.all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The command that leaves `path` to the user of this process, the system and administrators.
    /// It names them by their identifiers, which are the same in every language and shell.
    pub fn close_command(&self, path: &Path) -> String {
        let (is_dir, path) = (path.is_dir(), path.display());
        let rights = if is_dir { "(OI)(CI)F" } else { "F" };
        let own = TRUSTED.into_iter().chain([self.user.as_str()]);
        let own: Vec<_> = own.map(|own| format!(" \"*{own}:{rights}\"")).collect();
        let others: Vec<_> = self.all.iter().map(|(_, other)| format!(" *{other}")).collect();
        let (own, others) = (own.concat(), others.concat());
        format!("icacls \"{path}\" /inheritance:r /grant:r{own} /remove:g{others}")
    }
}

/// Who else can read or change what is at `path`. What an entry denies is not taken off: that would
/// need the groups of every user.
///
/// # Errors
/// When the system does not say.
pub fn others_with_access(path: &Path) -> io::Result<Others> {
    let user = Account::of_process()?;
    let mut others = Others { all: Vec::new(), user: user.text()? };
    for account in accounts(path)? {
        let other = match account {
            None => (EVERYONE.0.to_owned(), EVERYONE.1.to_owned()),
            Some(account) if account.is(&user) || account.is_trusted() => continue,
            Some(account) => (account.name(), account.text()?),
        };
        if !others.all.contains(&other) {
            others.all.push(other);
        }
    }
    Ok(others)
}

/// The owner and everyone with access. `None` stands for everybody.
fn accounts(path: &Path) -> io::Result<Vec<Option<Account>>> {
    let path = wide(path)?;
    let (mut owner, mut list, mut descriptor) = (null_mut(), null_mut::<ACL>(), null_mut());
    // SAFETY: the path has a zero at its end, and the pointers are to local variables.
    let failed = unsafe {
        GetNamedSecurityInfoW(
            path.as_ptr(),
            SE_FILE_OBJECT,
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
            &raw mut owner,
            null_mut(),
            &raw mut list,
            null_mut(),
            &raw mut descriptor,
        )
    };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(failed.cast_signed()));
    }
    let mut accounts = Vec::new();
    // SAFETY: all of them point into the descriptor, which lives until it is freed at the end.
    unsafe {
        if !owner.is_null() {
            accounts.push(Some(Account::copied(owner)));
        }
        if list.is_null() {
            accounts.push(None);
        } else {
            for at in 0..u32::from((*list).AceCount) {
                let mut entry = null_mut();
                if GetAce(list, at, &raw mut entry) == 0 {
                    continue;
                }
                let entry = entry.cast::<ACCESS_ALLOWED_ACE>();
                let header = (*entry).Header;
                // Such an entry is for what is created in the directory.
                let is_here = u32::from(header.AceFlags) & INHERIT_ONLY_ACE == 0;
                if header.AceType == ALLOWS && is_here && (*entry).Mask & USES != 0 {
                    let sid = addr_of!((*entry).SidStart);
                    accounts.push(Some(Account::copied(sid.cast_mut().cast())));
                }
            }
        }
        LocalFree(descriptor);
    }
    Ok(accounts)
}
