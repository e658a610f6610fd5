// The packages that `npx lamplight-server` consists of, packed as they would be published, with the
// server that the tests use.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { binary } from './server.ts'

const PACK = fileURLToPath(new URL('../../server/npm/pack.mjs', import.meta.url))
const CARGO = new URL('../../Cargo.toml', import.meta.url)

/** This system, as npm names it. */
export const SYSTEM = `${process.platform}-${process.arch}`

export interface ServerPackages {
  version: string
  /** The package with the command. */
  launcher: string
  /** The package with the binary of this system. */
  platform: string
}

/** Packs the package of a system with this program, and returns its path. */
export function packPlatform(into: string, system: string, program: string): string {
  return pack(['--into', into, `${system}=${program}`])[0] ?? ''
}

function pack(args: string[]): string[] {
  return execFileSync(process.execPath, [PACK, ...args], { encoding: 'utf8' })
    .trim()
    .split('\n')
}

/** Packs both into the folder, and returns the paths. */
export function packServer(into: string): ServerPackages {
  const printed = pack(['--into', into, '--launcher', `${SYSTEM}=${binary()}`])
  const [launcher = '', platform = ''] = printed
  const [, version = ''] = /^version = "(.+)"$/m.exec(readFileSync(CARGO, 'utf8')) ?? []
  if (basename(launcher) !== `lamplight-server-${version}.tgz`)
    throw new Error(`failed to pack lamplight-server ${version}: server/npm/pack.mjs printed ${printed.join(', ')}`)
  return { version, launcher, platform }
}
