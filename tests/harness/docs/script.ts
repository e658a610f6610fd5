// TypeScript and JavaScript of the documentation: checked, made into modules for pages, run in Node.
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import ts from 'typescript'
import type { Place } from './place.ts'
import type { Snippet, Story } from './snippet.ts'

const RUN_MS_MAX = 20_000

export function isScript({ language }: Snippet): boolean {
  return language === 'ts' || language === 'tsx' || language === 'js'
}

/** The name under which a snippet stands in the folder of its story. */
export function fileName({ language, notes }: Snippet): string {
  return notes.file ?? `main.${language}`
}

/** What the compiler says against the stories, each as `docs/csp.md:12: …`. */
export function typeErrors(stories: Story[], folder: string): string[] {
  const sources = new Map<string, Snippet>()
  for (const [index, { files, main }] of stories.entries()) {
    const place = join(folder, String(index))
    mkdirSync(place, { recursive: true })
    for (const snippet of [...files, main].filter(isScript)) {
      const path = join(place, fileName(snippet))
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

/** Writes the scripts of a story into its place. */
export function writeScripts({ files, main }: Story, place: Place): void {
  for (const snippet of [...files, main].filter(isScript))
    writeFileSync(join(place.folder, fileName(snippet)), place.localized(snippet.text))
}

/** The module as a browser takes it, with the package in it. */
export async function bundled(place: Place, name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(place.folder, name)],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    logLevel: 'silent',
  })
  return outputFiles[0]?.text ?? ''
}

/** Runs the main script in Node; returns what it prints. */
export async function inNode(main: Snippet, place: Place): Promise<string> {
  const script = join(place.folder, 'main.mjs')
  await build({
    entryPoints: [join(place.folder, fileName(main))],
    bundle: true,
    packages: 'external',
    outfile: script,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'silent',
  })
  const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: place.folder, timeout: RUN_MS_MAX })
  return stdout
}
