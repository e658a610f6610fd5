import { captureEvent, init, makeBrowserOfflineTransport, makeFetchTransport } from '@sentry/browser'

export function start(url) {
  init({
    dsn: `${url.replace('://', '://bench@')}/1`,
    transport: makeBrowserOfflineTransport(makeFetchTransport),
  })
  // It drops an event whose message is that of the one before, so messages differ. The mark is not
  // in them, because later events repeat them as breadcrumbs.
  return (name, properties) => void captureEvent({ message: `${name} ${properties.sku}`, extra: properties })
}
