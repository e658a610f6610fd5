// The systems that a release has a built server for, and how npm names them.

/**
 * One package with the built server each. npm installs the one whose `os` and `cpu` are those of
 * the machine. Binaries for Linux are static, so they run with any C library. The one for Windows
 * has the C library in it, too.
 */
export const PLATFORMS = [
  { os: 'linux', cpu: 'x64', target: 'x86_64-unknown-linux-musl' },
  { os: 'linux', cpu: 'arm64', target: 'aarch64-unknown-linux-musl' },
  { os: 'darwin', cpu: 'arm64', target: 'aarch64-apple-darwin' },
  { os: 'darwin', cpu: 'x64', target: 'x86_64-apple-darwin' },
  { os: 'win32', cpu: 'x64', target: 'x86_64-pc-windows-msvc' },
]

/** The name of the package with the built server for a system. */
export function packageName({ os, cpu }) {
  return `@lamplight/server-${os}-${cpu}`
}

/** The path of the built server in the package of a system. */
export function binaryIn({ os }) {
  return os === 'win32' ? 'bin/lamplight.exe' : 'bin/lamplight'
}
