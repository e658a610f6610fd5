// What the story's stack adds to an event: the user's profile, the device, the campaign, and what
// the system runs.
import Bowser from 'bowser'

/** The same for every event. */
const FIXED = { environment: 'production', release: '2026.11.1', region: 'eu-central' }
/** Devices by user agent. Most visitors have one of a few. */
const devices = new Map()

function deviceOf(userAgent) {
  let device = devices.get(userAgent)
  if (!device) {
    const { browser, os, platform } = Bowser.parse(userAgent)
    device = {
      browser: browser.name,
      browser_version: browser.version,
      os: os.name,
      os_version: os.version,
      device: platform.type,
    }
    if (devices.size > 10_000) devices.clear()
    devices.set(userAgent, device)
  }
  return device
}

/** The campaign in a page's address. */
function campaignOf(url) {
  if (!url?.includes('utm_')) return undefined
  const { searchParams } = new URL(url)
  const parts = [...searchParams].filter(([name]) => name.startsWith('utm_'))
  return Object.fromEntries(parts.map(([name, value]) => [name.slice(4), value]))
}

/** The rows of a payload. */
export function enrich(payload, profiles) {
  const agent = payload.user_agent ? deviceOf(payload.user_agent) : undefined
  const received = payload.received.toISOString()
  return payload.body.map((event, index) => ({
    id: event.id,
    type: event.type ?? 'default',
    name: event.name,
    ts: new Date(event.ts).toISOString(),
    received,
    created_day: received.slice(0, 10),
    user_id: event.user?.id,
    session: event.session,
    payload_id: payload.id,
    payload_index: index,
    properties: event.properties,
    context: event.context,
    enrichment: {
      fixed: FIXED,
      agent,
      campaign: campaignOf(event.context?.page?.url),
      profile: profiles.get(event.user?.id),
    },
  }))
}
