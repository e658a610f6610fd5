// What every page does, whoever put it together.
/** Tracks a visit by the client that `init` gives, and says in the title what became of the event. */
export function visit(init, entry) {
  const query = new URLSearchParams(location.search)
  const lamplight = init({ url: query.get('url'), key: query.get('key') })
  window.lamplight = lamplight
  const stop = lamplight.timer('visit.duration')
  const { stored, reason } = lamplight.track('visited', { entry })
  stop()
  document.title = stored ? 'stored' : reason
}
