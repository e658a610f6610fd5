// Calls every method where there is no page. Each returns and does nothing.
exports.callEverything = async (init) => {
  const lamplight = init({ url: 'https://t.example.com', key: 'wk_x', consent: 'pending' })
  const made = [
    lamplight.track('opened', { a: 1 }, { type: 'critical' }),
    lamplight.page(),
    lamplight.increment('clicks'),
    lamplight.gauge('tabs', 2),
    lamplight.timing('load', 12),
    lamplight.timer('load')(),
    lamplight.identify('u1', { plan: 'pro' }),
  ]
  if (made.some(({ stored }) => stored)) throw new Error('an event was stored without storage')
  lamplight.use({ name: 'plugin', setup: () => {} })
  lamplight.on('error', ({ message }) => console.error(message))()
  lamplight.setConsent('granted')
  lamplight.reset()
  const { sent } = await lamplight.flush()
  const refused = await lamplight.delivered('nobody-1').then(
    () => false,
    () => true,
  )
  if (sent !== 0 || !refused || lamplight.stats().made !== 0) throw new Error('an event was made, sent or delivered')
  lamplight.close()
}
