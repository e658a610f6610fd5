//! The browsers that tests run in: found, or installed where that is possible.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use crate::workspace::Workspace;

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
    /// The engines that run on this system.
    pub(crate) fn all() -> &'static [Self] {
        if cfg!(target_os = "linux") {
            &[Self::Chromium, Self::Firefox, Self::Webkit]
        } else {
            &[Self::Chromium, Self::Firefox]
        }
    }

    /// The name of its project in the end-to-end tests.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
            Self::Webkit => "webkit",
        }
    }

    /// Finds or installs it, and returns the environment variables by which the end-to-end tests
    /// find it.
    pub(crate) fn ensure(self, workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>> {
        match self {
            Self::Chromium => Ok(vec![("LAMPLIGHT_CHROMIUM", chromium(workspace)?.browser)]),
            Self::Firefox => Ok(vec![("LAMPLIGHT_FIREFOX", firefox(workspace)?)]),
            Self::Webkit => webkit::webkit(workspace),
        }
    }
}
