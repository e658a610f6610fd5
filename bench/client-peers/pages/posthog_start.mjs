export function startWith(posthog, url) {
  posthog.init('bench', {
    api_host: url,
    autocapture: false,
    capture_pageview: false,
    capture_pageleave: false,
    disable_session_recording: true,
    disable_surveys: true,
    advanced_disable_flags: true,
    // It would take the automated browser for a robot, and send nothing.
    opt_out_useragent_filter: true,
    // By default it drops what exceeds 10 events per second, after a burst of 100.
    rate_limiting: { events_per_second: 1_000, events_burst_limit: 10_000 },
  })
  return (name, properties) => void posthog.capture(name, properties)
}
