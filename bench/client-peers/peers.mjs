// What is compared. `pages/<name>.mjs` starts each in a page, with its default options except for
// those named there.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

/** `bundles` are other entries of the package whose size is measured, too: `[page, title]`. */
export const PEERS = [
  { name: 'lamplight', title: 'Lamplight', package: 'lamplight' },
  { name: 'rudderstack', title: 'RudderStack', package: '@rudderstack/analytics-js' },
  { name: 'snowplow', title: 'Snowplow', package: '@snowplow/browser-tracker' },
  {
    name: 'mixpanel',
    title: 'Mixpanel',
    package: 'mixpanel-browser',
    bundles: [['mixpanel_default', 'Mixpanel, default entry']],
  },
  { name: 'segment', title: 'Segment', package: '@segment/analytics-next' },
  { name: 'amplitude', title: 'Amplitude', package: '@amplitude/analytics-browser' },
  {
    name: 'posthog',
    title: 'PostHog',
    package: 'posthog-js',
    bundles: [['posthog_default', 'PostHog, default entry']],
  },
  { name: 'sentry', title: 'Sentry, offline transport', package: '@sentry/browser' },
  { name: 'datadog', title: 'Datadog browser logs', package: '@datadog/browser-logs' },
  { name: 'opentelemetry', title: 'OpenTelemetry logs', package: '@opentelemetry/exporter-logs-otlp-http' },
]

/** What one `localStorage.setItem` per event costs. It sends nothing. */
export const FLOOR = { name: 'set_item', title: 'bare setItem' }

/** The peers with these names, or all. Throws if a name is unknown. */
export function peersNamed(names, all = PEERS) {
  const unknown = names.filter((name) => !all.some((peer) => peer.name === name))
  if (unknown.length)
    throw new Error(`unknown peer ${unknown.join(', ')}: the peers are ${all.map(({ name }) => name).join(', ')}`)
  return names.length ? all.filter(({ name }) => names.includes(name)) : all
}

/** The version of a peer that is installed. */
export function versionOf(peer) {
  if (!peer.package) return ''
  for (let folder = here; ; folder = dirname(folder)) {
    const file = join(folder, 'node_modules', peer.package, 'package.json')
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')).version
    if (folder === dirname(folder)) throw new Error(`${peer.package} is not installed: run npm ci`)
  }
}
