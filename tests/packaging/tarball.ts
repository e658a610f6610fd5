// The tarball that would be published: `npm pack` of the built package.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npm } from './npm.ts'

export const PACKAGE = process.env['LAMPLIGHT_NPM'] ?? fileURLToPath(new URL('../../npm', import.meta.url))

export interface Tarball {
  path: string
  bytes: number
  files: string[]
}

/** Packs the package into the folder. */
export function pack(into: string): Tarball {
  if (!existsSync(join(PACKAGE, 'dist')))
    throw new Error(`failed to find the built package in ${PACKAGE}: run cargo xtask build`)
  const text = execFileSync(npm, ['pack', '--json', '--pack-destination', into], {
    cwd: PACKAGE,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [packed] = JSON.parse(text) as { filename: string; size: number; files: { path: string }[] }[]
  if (!packed) throw new Error(`npm pack reported no package: ${text}`)
  return { path: join(into, packed.filename), bytes: packed.size, files: packed.files.map(({ path }) => path) }
}
