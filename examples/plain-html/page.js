import { init } from './lamplight/index.js'

// In your page, write the address of your server and your write key here.
const { url, key } = await (await fetch('config.json')).json()
const lamplight = init({ url, key })

lamplight.page()

document.querySelector('#sign-up').addEventListener('submit', (event) => {
  event.preventDefault()
  const { plan } = Object.fromEntries(new FormData(event.target))
  lamplight.track('signed_up', { plan })
})

document.querySelector('#checkout').addEventListener('click', async () => {
  const stop = lamplight.timer('checkout.latency', { tags: { page: 'plain-html' } })
  await new Promise((resolve) => setTimeout(resolve, 120))
  stop()
})

setInterval(() => {
  const stats = lamplight.stats()
  for (const name of ['made', 'queued', 'sent']) document.querySelector(`#${name}`).textContent = stats[name]
}, 200)
