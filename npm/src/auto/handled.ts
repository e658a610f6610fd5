/** The events that were looked at for each client. */
const handled = new WeakMap<object, WeakSet<Event>>()

/**
 * Whether this is the first call for an event: a client may be watched twice, as by the script's
 * `data-auto` and by the page.
 */
export function isFirst(client: object, event: Event): boolean {
  const events = handled.get(client) ?? new WeakSet()
  handled.set(client, events)
  if (events.has(event)) return false
  events.add(event)
  return true
}
