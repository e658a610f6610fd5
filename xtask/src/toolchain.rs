//! The compilers that decide how sources become what is shipped.

use anyhow::{Context, Result};

use crate::workspace::{Workspace, output_of};
use crate::{node, rust_target};

/// The versions of the compilers, and what they can do here.
pub(crate) struct Toolchain {
    /// What `rustc -vV` prints.
    pub(crate) rustc: String,
    /// Node's version.
    pub(crate) node: String,
    /// Whether the standard library can be compiled with our flags.
    pub(crate) has_std_source: bool,
}

impl Toolchain {
    /// Finds or installs what builds need: the WebAssembly target, the standard library's source
    /// and the npm packages.
    pub(crate) fn ensure(workspace: &Workspace) -> Result<Self> {
        rust_target::ensure(workspace)?;
        Ok(Self {
            has_std_source: rust_target::ensure_source(workspace),
            rustc: output_of(workspace.program("rustc").arg("-vV"))
                .context("failed to read the version of rustc: rustc -vV failed")?,
            node: node::ensure(workspace)?,
        })
    }
}
