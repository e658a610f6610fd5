// Runs a story of the documentation for what it is, and checks what the server has afterwards.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, type Page } from '@playwright/test'
import { converse } from './exchange.ts'
import { Nginx } from './nginx.ts'
import type { Place } from './place.ts'
import { inNode, isScript, writeScripts } from './script.ts'
import { inShell } from './shell.ts'
import { Shop } from './shop.ts'
import type { Snippet, Story } from './snippet.ts'

/** Longer than a client waits before it sends. */
const QUIET_MS = 700

/** Calls that make an event of their first argument's name, and those that make one of their own. */
const NAMED = /\.(?:track|increment|gauge|timing|timer)\('([^']+)'/g
const OWN = /\.(page|identify)\(/g

export async function tell(story: Story, place: Place, page: Page): Promise<void> {
  const { files, main } = story
  const nginx = files.find(({ language }) => language === 'nginx')
  const proxy = nginx && (await Nginx.start(nginx, place))
  place.shop = proxy?.url
  try {
    writeScripts(story, place)
    if (files.includes(main)) expect(await converse(files, place)).toEqual([])
    else if (isScript(main) && main.notes.in === 'node') await told(story, place)
    else if (isScript(main) || main.language === 'html') await inPage(story, place, page)
    else if (main.language === 'sh') says(main, await inShell(main, place))
    else if (main.language === 'toml') await asConfiguration(main, place)
    else
      throw new Error(
        `${main.at}: nothing runs a snippet in '${main.language}'; write one in ts, js, html, sh, json, http, toml or nginx`,
      )
    if (main.language === 'sh' && !files.includes(main) && main.notes.stores) await stores(story, place)
  } finally {
    await proxy?.close()
  }
}

async function inPage(story: Story, place: Place, page: Page): Promise<void> {
  const broken: string[] = []
  page.on('pageerror', ({ message }) => broken.push(message))
  page.on('console', (line) => line.type() === 'error' && broken.push(line.text()))
  const shop = await Shop.open(story, place)
  try {
    await page.goto(`${shop.url}/main.html`)
    if (story.main.notes.click) await page.click(story.main.notes.click)
    await stores(story, place)
    expect(broken, 'errors in the page').toEqual([])
  } finally {
    await shop.close()
  }
}

async function asConfiguration({ text }: Snippet, place: Place): Promise<void> {
  writeFileSync(join(place.folder, 'lamplight.toml'), text)
  const start = {
    at: '',
    language: 'sh',
    text: 'cargo xtask build\ntarget/release/lamplight serve --data data\n',
    notes: { until: 'listening on' },
  }
  await inShell(start, place)
}

/** What runs in Node sends nothing, unless it says so. */
async function told(story: Story, place: Place): Promise<void> {
  says(story.main, await inNode(story.main, place))
  await stores({ files: [], main: { ...story.main, notes: { stores: 'none', ...story.main.notes } } }, place)
}

function says({ at, notes }: Snippet, printed: string): void {
  if (notes.prints) expect(printed, at).toContain(notes.prints)
}

/** The server has the events that it should, and no others come. */
async function stores({ files, main }: Story, place: Place): Promise<void> {
  const wanted = main.notes.stores === 'none' ? [] : (main.notes.stores?.split(', ') ?? [...files, main].flatMap(named))
  const names = async () => (await place.server.api.events()).map(({ name }) => name).sort()
  await expect.poll(names, { message: `events of ${main.at}` }).toEqual(wanted.sort())
  await sleep(QUIET_MS)
  expect(await names(), `events of ${main.at}, a while later`).toEqual(wanted)
}

function named(snippet: Snippet): string[] {
  if (!isScript(snippet) && snippet.language !== 'html') return []
  return [...snippet.text.matchAll(NAMED), ...snippet.text.matchAll(OWN)].map(([, name]) => name ?? '')
}
