// The paths of external programs. `cargo xtask test` passes them; otherwise this searches for them.
import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * `LAMPLIGHT_CHROMIUM`, or the first Chromium on the PATH, or undefined for the one that Playwright
 * installed.
 */
export function chromiumPath(): string | undefined {
  return (
    process.env['LAMPLIGHT_CHROMIUM'] ?? onPath('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
  )
}

export function firefoxPath(): string {
  return found('Firefox', 'LAMPLIGHT_FIREFOX', onPath('firefox-esr', 'firefox'))
}

/** Debian installs it in a folder that is only on root's PATH. */
export function nginxPath(): string {
  return found('nginx', 'LAMPLIGHT_NGINX', onPath('nginx') ?? ['/usr/sbin/nginx'].find(isExecutable))
}

export function prometheusPath(): string {
  return found('Prometheus', 'LAMPLIGHT_PROMETHEUS', onPath('prometheus'))
}

export function promtoolPath(): string {
  return found("Prometheus' promtool", 'LAMPLIGHT_PROMTOOL', onPath('promtool'))
}

/** WebKitGTK's MiniBrowser is not on the PATH, but next to the library. */
export function webkitPaths(): { browser: string; screen: string } {
  const library = readdirSync('/usr/lib')
    .map((folder) => join('/usr/lib', folder, 'webkit2gtk-4.1/MiniBrowser'))
    .find(isExecutable)
  return {
    browser: found('WebKitGTK', 'LAMPLIGHT_WEBKIT', library),
    screen: found('Xvfb', 'LAMPLIGHT_XVFB', onPath('Xvfb')),
  }
}

function found(what: string, variable: string, path: string | undefined): string {
  const chosen = process.env[variable] ?? path
  if (!chosen)
    throw new Error(`failed to find ${what}: install it (cargo xtask test does), or set ${variable} to its path`)
  return chosen
}

function onPath(...names: string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
