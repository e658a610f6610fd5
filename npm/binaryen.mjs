// The tools of binaryen, which reads and writes WebAssembly.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const BIN = join(dirname(createRequire(import.meta.url).resolve('binaryen/package.json')), 'bin')
/** What rustc uses of WebAssembly's later features, whatever the module. */
const FEATURES = ['bulk-memory', 'bulk-memory-opt', 'mutable-globals', 'nontrapping-float-to-int', 'sign-ext']

/** What a tool makes of a module, or of the text of one. */
export function run(tool, flags, module) {
  const folder = mkdtempSync(join(tmpdir(), 'lamplight-'))
  const [from, to] = [join(folder, tool === 'wasm-as' ? 'module.wat' : 'module.wasm'), join(folder, 'out')]
  try {
    writeFileSync(from, module)
    execFileSync(process.execPath, [
      join(BIN, tool),
      ...FEATURES.map((name) => `--enable-${name}`),
      ...flags,
      from,
      '-o',
      to,
    ])
    return readFileSync(to)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
