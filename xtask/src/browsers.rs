//! The browsers that tests run in: found, installed where that is possible, or asked for.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

mod chromium;
mod firefox;
mod webkit;

pub(crate) use chromium::chromium;
pub(crate) use firefox::{firefox, geckodriver};

/// A browser engine that tabs are opened in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// Chromium or Chrome
    Chromium,
    /// Firefox
    Firefox,
    /// WebKit, as WebKitGTK; on Linux only
    Webkit,
}

impl Engine {
    /// Those that run on this system.
    pub(crate) fn all() -> &'static [Self] {
        if cfg!(target_os = "linux") {
            &[Self::Chromium, Self::Firefox, Self::Webkit]
        } else {
            &[Self::Chromium, Self::Firefox]
        }
    }

    /// Its name in the end-to-end tests.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
            Self::Webkit => "webkit",
        }
    }

    /// Finds or installs it; says by which environment variables the end-to-end tests find it.
    pub(crate) fn ensure(self) -> Result<Vec<(&'static str, PathBuf)>> {
        match self {
            Self::Chromium => Ok(vec![("LAMPLIGHT_CHROMIUM", chromium()?.browser)]),
            Self::Firefox => Ok(vec![("LAMPLIGHT_FIREFOX", firefox()?)]),
            Self::Webkit => webkit::webkit(),
        }
    }
}
