// Requests that were made before, sent over connections that stay open.
import { connect } from 'node:net'
import { KEY } from './client/lamplight.mjs'
import { AGENT } from './events.mjs'

/** The head of a request, before its body. */
export const head = (method, target, headers) =>
  `${method} ${target} HTTP/1.1\r\nhost: 127.0.0.1:8787\r\nuser-agent: ${AGENT}\r\n${headers}\r\n`

/** A request to intake. */
export function post(content) {
  const headers = `content-type: text/plain\r\ncontent-length: ${content.length}\r\norigin: https://shop.example.com\r\n`
  return Buffer.concat([Buffer.from(head('POST', `/v1/events?key=${KEY}`, headers)), content])
}

/** Sends the requests, each as soon as one of `parallel` connections is free. */
export async function send(url, requests, parallel) {
  const { hostname, port } = new URL(url)
  let next = 0
  const lane = () =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port, noDelay: true })
      let answer = ''
      const sendNext = () => {
        if (next < requests.length) socket.write(requests[next++])
        else socket.end(resolve)
      }
      socket.on('connect', sendNext).on('error', reject)
      socket.on('data', (bytes) => {
        answer += bytes.toString('latin1')
        const end = answer.indexOf('\r\n\r\n')
        const length = /content-length: (\d+)/i.exec(answer)?.[1]
        if (end < 0 || answer.length < end + 4 + Number(length)) return
        if (!answer.startsWith('HTTP/1.1 200 ')) reject(new Error(`the server answered ${answer}`))
        answer = ''
        sendNext()
      })
    })
  await Promise.all(Array.from({ length: parallel }, lane))
}

/** Lets the write key send as fast as the server can take it. */
export async function liftLimits(server) {
  const { keys } = await server.api('/api/keys')
  const limits = JSON.stringify({ events_per_s: 100_000_000, bytes_per_s: 4_000_000_000 })
  for (const { id } of keys.filter((key) => key.kind === 'write'))
    await server.api(`/api/keys/${id}`, { method: 'PATCH', body: limits })
}
