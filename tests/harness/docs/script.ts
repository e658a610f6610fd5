// Checks, bundles and runs the TypeScript and JavaScript of the documentation.
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import ts from 'typescript'
import type { Sandbox } from './sandbox.ts'
import type { Snippet, Story } from './snippet.ts'

const RUN_MS_MAX = 20_000

export function isScript({ language }: Snippet): boolean {
  return language === 'ts' || language === 'tsx' || language === 'js'
}

/** The file name of a snippet in the folder of its story. */
export function fileName({ language, notes }: Snippet): string {
  return notes.file ?? `main.${language}`
}

/** The compiler's errors in the stories, each as `docs/csp.md:12: …`. */
export function typeErrors(stories: Story[], folder: string): string[] {
  const sources = new Map<string, Snippet>()
  for (const [index, { files, main }] of stories.entries()) {
    const sandbox = join(folder, String(index))
    mkdirSync(sandbox, { recursive: true })
    for (const snippet of [...files, main].filter(isScript)) {
      const path = join(sandbox, fileName(snippet))
      writeFileSync(path, snippet.text)
      sources.set(path, snippet)
    }
  }
  const program = ts.createProgram([...sources.keys()], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    moduleDetection: ts.ModuleDetectionKind.Force,
    jsx: ts.JsxEmit.ReactJSX,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: ['node'],
    strict: true,
    noEmit: true,
    allowJs: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
  })
  const errors = ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const snippet = file && sources.get(file.fileName)
    const line = file?.getLineAndCharacterOfPosition(start).line ?? 0
    return `${snippet ? atLine(snippet, line) : (file?.fileName ?? 'compiler')}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
  })
  rmSync(folder, { recursive: true, force: true })
  return errors
}

function atLine({ at }: Snippet, line: number): string {
  return at.replace(/\d+$/, (fence) => String(Number(fence) + 1 + line))
}

/** Writes the scripts and the YAML files of a story into its sandbox. */
export function writeFiles({ files, main }: Story, sandbox: Sandbox): void {
  for (const snippet of [...files, main].filter((it) => isScript(it) || it.language === 'yaml'))
    writeFileSync(join(sandbox.folder, fileName(snippet)), sandbox.withLocalAddresses(snippet.text))
}

/** The module bundled with the package, for a browser. */
export async function bundled(sandbox: Sandbox, name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(sandbox.folder, name)],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    logLevel: 'silent',
  })
  return outputFiles[0]?.text ?? ''
}

/** Runs the main script in Node, and returns its output. */
export async function inNode(main: Snippet, sandbox: Sandbox): Promise<string> {
  const script = join(sandbox.folder, 'main.mjs')
  await build({
    entryPoints: [join(sandbox.folder, fileName(main))],
    bundle: true,
    packages: 'external',
    outfile: script,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'silent',
  })
  const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: sandbox.folder, timeout: RUN_MS_MAX })
  return stdout
}
