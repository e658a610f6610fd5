// The database that the benchmark started.
import pg from 'pg'

/** Connections to it, at most `max`. */
export function connect(max) {
  return new pg.Pool({
    host: process.env.PGHOST,
    port: Number(process.env.PGPORT),
    user: 'postgres',
    database: 'postgres',
    max,
  })
}
