// A minimal server as a team might write it: one INSERT per request, answered after PostgreSQL has
// committed it.
import Fastify from 'fastify'
import pg from 'pg'

const pool = new pg.Pool({
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  user: 'postgres',
  database: 'postgres',
  max: 32,
})
await pool.query(
  'CREATE TABLE IF NOT EXISTS payloads (id BIGSERIAL PRIMARY KEY, received TIMESTAMPTZ NOT NULL DEFAULT now(), body JSONB NOT NULL)',
)

const server = Fastify({ bodyLimit: 1024 * 1024 })
// The text is passed on unparsed, because PostgreSQL checks that it is JSON.
server.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body))
server.post('/v1/events', async (request) => {
  await pool.query({ name: 'insert', text: 'INSERT INTO payloads (body) VALUES ($1)', values: [request.body] })
  return { status: 'OK' }
})
const address = await server.listen({ host: '127.0.0.1', port: 0 })
console.log(`listening on ${address}`)
