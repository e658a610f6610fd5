// What the peers' own services answer, as far as their SDKs look at it.

const JSON_TYPE = 'application/json'
const SCRIPT = 'text/javascript'

/** Services let browsers and their caches keep the configuration for some time. */
const CACHED = { 'cache-control': 'max-age=300' }

const json = (value) => ({ status: 200, type: JSON_TYPE, body: JSON.stringify(value) })

/** RudderStack asks for the configuration of the source before it sends anything. */
const rudderstackSource = () => ({
  source: {
    id: 'bench',
    name: 'bench',
    writeKey: 'bench',
    enabled: true,
    workspaceId: 'bench',
    config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } },
    dataplanes: {},
    destinations: [],
    connections: [],
  },
  updatedAt: '2026-01-01T00:00:00.000Z',
  consentManagementMetadata: { providers: [] },
})

/** Segment sends to the address that its settings name. */
const segmentSettings = (host) => ({
  integrations: {
    'Segment.io': {
      apiKey: 'bench',
      apiHost: `${host}/v1`,
      protocol: 'http',
      unbundledIntegrations: [],
      addBundledMetadata: false,
      deliveryStrategy: null,
    },
  },
  plan: { track: { __default: { enabled: true, integrations: {} } } },
  metrics: { sampleRate: 0 },
  edgeFunction: {},
  analyticsNextEnabled: true,
  remotePlugins: [],
})

/** PostHog compresses once its configuration says that the server can decompress. */
const posthogConfig = () => ({
  token: 'bench',
  supportedCompression: ['gzip', 'gzip-js'],
  hasFeatureFlags: false,
  autocapture_opt_out: true,
  autocaptureExceptions: false,
  analytics: { endpoint: '/i/v0/e/' },
  elementsChainAsString: true,
  sessionRecording: false,
  heatmaps: false,
  surveys: false,
  defaultIdentifiedOnly: true,
  siteApps: [],
})

const posthogScript = () =>
  `(window._POSTHOG_REMOTE_CONFIG=window._POSTHOG_REMOTE_CONFIG||{}).bench={config:${JSON.stringify(posthogConfig())},siteApps:[]}`

/** In this order, the first pattern that fits the path decides. */
const ANSWERS = [
  [/^\/sourceConfig\//, () => ({ ...json(rudderstackSource()), headers: CACHED })],
  [/^\/v1\/projects\/.*\/settings$/, (host) => ({ ...json(segmentSettings(host)), headers: CACHED })],
  [/^\/array\/.*\/config\.js$/, () => ({ status: 200, type: SCRIPT, body: posthogScript(), headers: CACHED })],
  [/^\/array\/.*\/config$/, () => ({ ...json(posthogConfig()), headers: CACHED })],
  [/^\/static\//, () => ({ status: 200, type: SCRIPT, body: '', headers: CACHED })],
  [/^\/flags\//, () => json({ flags: {}, featureFlags: {}, featureFlagPayloads: {} })],
  [/^\/(?:e|i\/v0\/e|batch)\//, () => json({ status: 'Ok' })],
  [/^\/track\//, () => json({ error: null, status: 1 })],
  [
    /^\/2\/httpapi$/,
    () => json({ code: 200, events_ingested: 1, payload_size_bytes: 1, server_upload_time: Date.now() }),
  ],
  [/^\/com\.snowplowanalytics\.snowplow\//, () => ({ status: 200, type: 'text/plain', body: 'ok' })],
  [/^\/api\/\d+\/envelope\//, () => json({ id: '0' })],
  [/^\/datadog/, () => ({ ...json({}), status: 202 })],
  [/^\/v1\/logs$/, () => json({ partialSuccess: {} })],
  [/^\/v1\//, () => json({ success: true })],
]

/** `{ status, type, body, headers? }` for a path. No peer asks for anything else. */
export function answerTo(path, host) {
  const found = ANSWERS.find(([pattern]) => pattern.test(path))
  return found ? found[1](host) : { status: 404, type: 'text/plain', body: 'unknown path' }
}
