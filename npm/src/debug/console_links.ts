/**
 * Where the server's console shows the events of a page. `url` is the address that events are
 * posted to, which ends in the option `path` and the key. The key is left out.
 */
export function consoleLinks(url: string, path = '/v1/events', producer: string): string {
  const server = url.replace(/\?.*/s, '').slice(0, -path.length)
  return `lamplight: events of this page: ${server}/events?producer=${producer} (live: ${server}/live?producer=${producer})`
}
