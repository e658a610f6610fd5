// The API of the story's stack: one INSERT per request, answered after PostgreSQL has committed it.
import Fastify from 'fastify'
import { connect } from './database.mjs'

const pool = connect(32)
const server = Fastify({ bodyLimit: 1024 * 1024 })
// The text is passed on unparsed, because PostgreSQL checks that it is JSON.
server.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body))
const text = 'INSERT INTO story.payloads (user_agent, body) VALUES ($1, $2)'
server.post('/v1/events', async (request) => {
  await pool.query({ name: 'insert', text, values: [request.headers['user-agent'], request.body] })
  return { status: 'OK' }
})
const address = await server.listen({ host: '127.0.0.1', port: 0 })
console.log(`listening on ${address}`)
