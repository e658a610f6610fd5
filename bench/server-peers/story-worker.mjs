// The worker of the story's stack: takes payloads that are not processed, enriches their events,
// inserts each event once, and marks the payloads as processed, in one transaction.
import { connect } from './database.mjs'
import { enrich } from './enrich.mjs'

/** Events in one transaction, about. */
const BATCH_EVENTS = 2_000
/** Batches at a time: while PostgreSQL works on one, Node works on the other. */
const LANES = 2
/** How long to wait when nothing is left to do. */
const IDLE_MS = 20

// Payloads that another batch has are skipped.
const TAKE =
  'SELECT id, received, user_agent, body FROM story.payloads WHERE NOT processed ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED'
const PROFILES = 'SELECT user_id, traits FROM story.profiles WHERE user_id = ANY($1)'
const COLUMNS = `id UUID, type TEXT, name TEXT, ts TIMESTAMPTZ, received TIMESTAMPTZ, created_day DATE, user_id TEXT,
  session TEXT, payload_id BIGINT, payload_index INTEGER, properties JSON, context JSON, enrichment JSON`
// One parameter with all rows: JSON is what Node writes and PostgreSQL reads fastest.
const INSERT = `INSERT INTO story.events SELECT * FROM json_to_recordset($1) AS event(${COLUMNS}) ON CONFLICT (id) DO NOTHING`
const MARK = 'UPDATE story.payloads SET processed = true WHERE id = ANY($1)'

const pool = connect(LANES)
let batch = 200

/** Processes one batch. Returns how many payloads it had. */
async function work(client) {
  const query = async (name, text, values) => (await client.query({ name, text, values })).rows
  await client.query('BEGIN')
  try {
    const payloads = await query('take', TAKE, [batch])
    if (payloads.length > 0) {
      const users = new Set()
      for (const { body } of payloads) for (const event of body) if (event.user?.id) users.add(event.user.id)
      const found = await query('profiles', PROFILES, [[...users]])
      const profiles = new Map(found.map((profile) => [profile.user_id, profile.traits]))
      const rows = payloads.flatMap((payload) => enrich(payload, profiles))
      await query('insert', INSERT, [JSON.stringify(rows)])
      await query('mark', MARK, [payloads.map((payload) => payload.id)])
      batch = Math.ceil((BATCH_EVENTS * payloads.length) / rows.length)
    }
    await client.query('COMMIT')
    return payloads.length
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

async function lane() {
  const client = await pool.connect()
  for (;;) if ((await work(client)) === 0) await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
}

await Promise.all(Array.from({ length: LANES }, lane))
