//! Users and groups, by their security identifiers.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::ConvertSidToStringSidW;
use windows_sys::Win32::Security::{
    EqualSid, GetLengthSid, GetTokenInformation, IsWellKnownSid, LookupAccountSidW, PSID,
    TOKEN_QUERY, TOKEN_USER, TokenUser, WELL_KNOWN_SID_TYPE, WinBuiltinAdministratorsSid,
    WinCreatorOwnerRightsSid, WinCreatorOwnerSid, WinLocalSystemSid,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use crate::checked;

/// Room for the name of an account or of its domain, in UTF-16 units.
const NAME_UNITS: u32 = 256;

/// A user or a group.
pub(crate) struct Account {
    /// The identifier, in words so that it is aligned.
    words: Vec<u32>,
}

impl Account {
    /// The user of this process.
    pub(crate) fn of_process() -> io::Result<Self> {
        let mut token = null_mut();
        // SAFETY: the pointer is to a local variable.
        checked(unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) })?;
        // SAFETY: the call before opened it, and nobody else closes it.
        let token = unsafe { OwnedHandle::from_raw_handle(token) };
        let mut bytes = 0;
        // Fails, and says how many bytes it takes.
        // SAFETY: no room is given, and none is claimed.
        unsafe {
            GetTokenInformation(token.as_raw_handle(), TokenUser, null_mut(), 0, &raw mut bytes);
        }
        let mut room = vec![0_u64; (bytes as usize).div_ceil(size_of::<u64>())];
        let into = room.as_mut_ptr().cast::<c_void>();
        // SAFETY: there is room for as many bytes as claimed.
        checked(unsafe {
            GetTokenInformation(token.as_raw_handle(), TokenUser, into, bytes, &raw mut bytes)
        })?;
        // SAFETY: the call before wrote such a value, with the identifier behind it.
        unsafe { Ok(Self::copied((*into.cast::<TOKEN_USER>()).User.Sid)) }
    }

    /// Copies an identifier.
    ///
    /// # Safety
    /// `sid` must be one.
    pub(crate) unsafe fn copied(sid: PSID) -> Self {
        // SAFETY: it is an identifier, which has this many bytes.
        let bytes = unsafe { GetLengthSid(sid) } as usize;
        let mut words = vec![0_u32; bytes.div_ceil(size_of::<u32>())];
        // SAFETY: the room is new, and has at least as many bytes.
        unsafe {
            std::ptr::copy_nonoverlapping(sid.cast::<u8>(), words.as_mut_ptr().cast(), bytes);
        }
        Self { words }
    }

    fn sid(&self) -> PSID {
        self.words.as_ptr().cast_mut().cast()
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        // SAFETY: both are identifiers.
        unsafe { EqualSid(self.sid(), other.sid()) != 0 }
    }

    /// Whether it is one of those that may do everything anyway, or that stands for the owner.
    pub(crate) fn is_trusted(&self) -> bool {
        let all: [WELL_KNOWN_SID_TYPE; 4] = [
            WinLocalSystemSid,
            WinBuiltinAdministratorsSid,
            WinCreatorOwnerSid,
            WinCreatorOwnerRightsSid,
        ];
        // SAFETY: it is an identifier.
        all.into_iter().any(|kind| unsafe { IsWellKnownSid(self.sid(), kind) != 0 })
    }

    /// `S-1-…`.
    pub(crate) fn text(&self) -> io::Result<String> {
        let mut text = null_mut();
        // SAFETY: it is an identifier, and the pointer is to a local variable.
        checked(unsafe { ConvertSidToStringSidW(self.sid(), &raw mut text) })?;
        let mut units = Vec::new();
        // SAFETY: the call before wrote a text with a zero at its end, which is freed once.
        unsafe {
            while *text.add(units.len()) != 0 {
                units.push(*text.add(units.len()));
            }
            LocalFree(text.cast());
        }
        Ok(String::from_utf16_lossy(&units))
    }

    /// Its name, such as `BUILTIN\Users`, or its identifier if it has none here.
    pub(crate) fn name(&self) -> String {
        let (mut name, mut domain) = ([0_u16; NAME_UNITS as usize], [0_u16; NAME_UNITS as usize]);
        let (mut name_units, mut domain_units) = (NAME_UNITS, NAME_UNITS);
        let mut kind = 0;
        // SAFETY: both buffers have the room that is claimed.
        let found = unsafe {
            LookupAccountSidW(
                std::ptr::null(),
                self.sid(),
                name.as_mut_ptr(),
                &raw mut name_units,
                domain.as_mut_ptr(),
                &raw mut domain_units,
                &raw mut kind,
            )
        };
        let text = |units: &[u16], count: u32| {
            String::from_utf16_lossy(units.get(..count as usize).unwrap_or_default())
        };
        match (found, domain_units) {
            (0, _) => self.text().unwrap_or_else(|_| "an unknown account".to_owned()),
            (_, 0) => text(&name, name_units),
            _ => format!(r"{}\{}", text(&domain, domain_units), text(&name, name_units)),
        }
    }
}
