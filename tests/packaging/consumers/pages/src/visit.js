/**
 * Tracks a visit with a client of `init`, and shows the result in the title. Every page calls it.
 */
export function visit(init, entry) {
  const query = new URLSearchParams(location.search)
  const lamplight = init({ url: query.get('url'), key: query.get('key') })
  window.lamplight = lamplight
  const stop = lamplight.timer('visit.duration')
  const { stored, reason } = lamplight.track('visited', { entry })
  stop()
  document.title = stored ? 'stored' : reason
}
