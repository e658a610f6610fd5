// The tools of Binaryen, which optimises and translates WebAssembly.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const BIN = join(dirname(createRequire(import.meta.url).resolve('binaryen/package.json')), 'bin')
/** The later features of WebAssembly that rustc always uses. */
const FEATURES = ['bulk-memory', 'bulk-memory-opt', 'mutable-globals', 'nontrapping-float-to-int', 'sign-ext']

/** Runs a tool on a module, or on a module's text, and returns its output and what it printed. */
export function run(tool, flags, module) {
  const folder = mkdtempSync(join(tmpdir(), 'lamplight-'))
  const [from, to] = [join(folder, tool === 'wasm-as' ? 'module.wat' : 'module.wasm'), join(folder, 'out')]
  try {
    writeFileSync(from, module)
    const printed = execFileSync(process.execPath, [
      join(BIN, tool),
      ...FEATURES.map((name) => `--enable-${name}`),
      ...flags,
      from,
      '-o',
      to,
    ])
    return { output: readFileSync(to), printed }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
