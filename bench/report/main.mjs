// `cargo xtask bench report`: generates docs/benchmarks.md and its plots from bench/published.
//
//   node bench/report/main.mjs              generates
//   node bench/report/main.mjs --publish    takes the results of this machine's last runs before
//   node bench/report/main.mjs --check      changes nothing, and fails if something is out of date
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { documentOf, plotFile } from './document.mjs'
import { drawn } from './plot.mjs'
import { checkSection } from './section.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const published = join(root, 'bench/published')
const results = join(root, 'bench/results')
const images = join(root, 'docs/images')
/** What is published, in the order of the page. */
const SECTIONS = ['client-peers.json', 'server-peers.json']

/** The text of each generated file, by its path. */
export function generated() {
  const sections = SECTIONS.map((file) => join(published, file))
    .filter(existsSync)
    .map(readSection)
  const reasons = JSON.parse(readFileSync(new URL('reasons.json', import.meta.url), 'utf8'))
  const files = new Map([[join(root, 'docs/benchmarks.md'), documentOf(sections, reasons)]])
  for (const section of sections)
    for (const plot of section.plots) files.set(join(images, plotFile(section, plot)), drawn(plot))
  return files
}

function readSection(file) {
  const section = JSON.parse(readFileSync(file, 'utf8'))
  const problem = checkSection(section)
  if (problem) throw new Error(`${relative(root, file)}: ${problem}`)
  return section
}

/** Files that are missing, that differ from what is generated, or that belong to no plot. */
export function outOfDate(files = generated()) {
  const differ = [...files].filter(([path, text]) => !existsSync(path) || readFileSync(path, 'utf8') !== text)
  return [...differ.map(([path]) => path), ...strayPlots(files)].map((path) => relative(root, path))
}

const strayPlots = (files) =>
  readdirSync(images)
    .filter((name) => /^benchmark-.*\.svg$/.test(name))
    .map((name) => join(images, name))
    .filter((path) => !files.has(path))

function publish() {
  const found = SECTIONS.filter((file) => existsSync(join(results, file)))
  if (!found.length) throw new Error(`bench/results has none of ${SECTIONS.join(', ')}: run a benchmark first`)
  mkdirSync(published, { recursive: true })
  for (const file of found) copyFileSync(join(results, file), join(published, file))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { publish: { type: 'boolean' }, check: { type: 'boolean' } } })
  if (values.publish) publish()
  const files = generated()
  if (values.check) {
    const paths = outOfDate(files)
    if (paths.length) {
      console.error(`out of date: ${paths.join(', ')}. Run cargo xtask bench report`)
      process.exitCode = 1
    }
  } else {
    for (const path of strayPlots(files)) rmSync(path)
    for (const [path, text] of files) writeFileSync(path, text)
    console.log(`wrote docs/benchmarks.md and ${files.size - 1} plots`)
  }
}
