// The description of the image. Building it needs an engine, which the release workflow has.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from './test.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CONTAINERFILE = read('server/packaging/Containerfile')
const SERVE = read('server/src/cli/serve.rs')

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** The arguments of an instruction in the last stage, which is the image. */
function inImage(instruction: string): string[] {
  const stage = CONTAINERFILE.slice(CONTAINERFILE.lastIndexOf('\nFROM ')).replaceAll('\\\n', ' ')
  const lines = stage.matchAll(new RegExp(`^${instruction} +(.+)$`, 'gm'))
  return [...lines].map(([, rest]) => rest ?? '')
}

test('the image is empty but for the server, which runs as a user without rights', () => {
  expect(inImage('FROM')).toEqual(['scratch'])
  expect(inImage('RUN')).toEqual([])
  expect(inImage('COPY')).toEqual([
    '--from=binary /image/lamplight /lamplight',
    '--from=binary --chown=65532:65532 /image/data /data',
  ])
  // A number, because an empty image has no names.
  expect(inImage('USER')).toEqual(['65532:65532'])
  expect(inImage('VOLUME')).toEqual(['/data'])
  expect(inImage('ENTRYPOINT')).toEqual(['["/lamplight"]'])
  expect(inImage('CMD')).toEqual(['["serve"]'])
  expect(inImage('HEALTHCHECK')[0]).toMatch(/ CMD \["\/lamplight", "healthcheck"\]$/)
})

test('the image is built with the supported version of Rust', () => {
  const [, version] = /^rust-version = "(.+)"$/m.exec(read('Cargo.toml')) ?? []
  expect(CONTAINERFILE).toContain(`FROM docker.io/library/rust:${version}-`)
})

test('Compose waits for the server to stop, and gives it no rights', () => {
  const compose = read('server/packaging/compose.yaml')
  const [server = ''] = compose.split('\n  postgres:\n')
  const graces = [...SERVE.matchAll(/_GRACE: Duration = Duration::from_secs\((\d+)\)/g)]
  const most = graces.reduce((sum, [, seconds]) => sum + Number(seconds), 0)
  expect(most).toBeGreaterThan(0)
  expect(Number(/stop_grace_period: (\d+)s/.exec(server)?.[1])).toBeGreaterThan(most)
  expect(server).toContain('read_only: true')
  expect(server).toContain('cap_drop: [ALL]')
  expect(server).toContain('"127.0.0.1:8787:8787"')
  const [, file = ''] = /dockerfile: (.+)/.exec(server) ?? []
  expect(existsSync(join(ROOT, file))).toBe(true)
})

test('the profile postgres of Compose is a database for the server, which waits for it', () => {
  const compose = read('server/packaging/compose.yaml')
  const [server = '', database = ''] = compose.split('\n  postgres:\n')
  expect(server).toContain('      - LAMPLIGHT_DATABASE_URL\n')
  expect(server).toMatch(
    /depends_on:\n {6}postgres:\n {8}condition: service_healthy\n(?: {8}#.*\n)* {8}required: false/,
  )
  const [, user, password, host, name] =
    /^# +LAMPLIGHT_DATABASE_URL=postgres:\/\/(\w+):([\w-]+)@(\w+)\/(\w+)/m.exec(compose) ?? []
  expect(compose).toContain(`#   POSTGRES_PASSWORD=${password}\n`)
  expect(host).toBe('postgres')
  expect(database).toContain(`POSTGRES_USER: ${user}\n`)
  expect(database).toContain(`POSTGRES_DB: ${name}\n`)
  // A version that the server runs on.
  expect(Number(/postgres:(\d+)\n/.exec(database)?.[1])).toBeGreaterThanOrEqual(15)
})

test('what the image is built from contains no build, no data and no history', () => {
  const left = read('server/packaging/Containerfile.dockerignore').split('\n')
  for (const path of ['.git', '**/node_modules', 'lamplight-data', 'target/*']) expect(left).toContain(path)
  expect(left).toContain('!target/container')
})
