// Runs a story of the documentation according to its language, and checks the events at the server.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, type Page } from '@playwright/test'
import { checkExchanges } from './http_examples.ts'
import { Nginx } from './nginx.ts'
import { asReceiver } from './receiver.ts'
import type { Sandbox } from './sandbox.ts'
import { inNode, isScript, writeFiles } from './script.ts'
import { inShell } from './shell.ts'
import { Shop } from './shop.ts'
import type { Snippet, Story } from './snippet.ts'

/** Longer than the interval between a client's batches. */
const QUIET_MS = 700

/**
 * Calls that make an event named by their first argument, and calls that make an event of a fixed
 * name.
 */
const NAMED = /\.(?:track|increment|gauge|timing|timer)\('([^']+)'/g
const FIXED = /\.(page|identify)\(/g

export async function runStory(story: Story, sandbox: Sandbox, page: Page): Promise<void> {
  const { files, main } = story
  const nginx = files.find(({ language }) => language === 'nginx')
  const proxy = nginx && (await Nginx.start(nginx, sandbox))
  sandbox.shop = proxy?.url
  try {
    writeFiles(story, sandbox)
    if (files.includes(main)) expect(await checkExchanges(files, sandbox)).toEqual([])
    else if (main.notes.receives) await asReceiver(main, sandbox)
    else if (isScript(main) && main.notes.in === 'node') await inNodeProcess(story, sandbox)
    else if (isScript(main) || main.language === 'html') await inPage(story, sandbox, page)
    else if (main.language === 'sh') expectOutput(main, await inShell(main, sandbox))
    else if (main.language === 'toml') await asConfiguration(main, sandbox)
    else
      throw new Error(
        `${main.at}: a snippet in '${main.language}' cannot run: use one of ts, js, html, sh, json, http, toml, yaml or nginx, or the note 'receives'`,
      )
    if (main.language === 'sh' && !files.includes(main) && main.notes.stores) await expectEvents(story, sandbox)
  } finally {
    await proxy?.close()
  }
}

async function inPage(story: Story, sandbox: Sandbox, page: Page): Promise<void> {
  const errors: string[] = []
  page.on('pageerror', ({ message }) => errors.push(message))
  page.on('console', (line) => line.type() === 'error' && errors.push(line.text()))
  const shop = await Shop.open(story, sandbox)
  try {
    await page.goto(`${shop.url}/main.html`)
    if (story.main.notes.click) await page.click(story.main.notes.click)
    await expectEvents(story, sandbox)
    expect(errors, 'errors in the page').toEqual([])
  } finally {
    await shop.close()
  }
}

async function asConfiguration({ text }: Snippet, sandbox: Sandbox): Promise<void> {
  writeFileSync(join(sandbox.folder, 'lamplight.toml'), text)
  const start = {
    at: '',
    language: 'sh',
    text: 'cargo xtask build\ntarget/release/lamplight serve --data data\n',
    notes: { until: 'listening on' },
  }
  await inShell(start, sandbox)
}

/** A snippet in Node sends no events, unless its notes say so. */
async function inNodeProcess(story: Story, sandbox: Sandbox): Promise<void> {
  expectOutput(story.main, await inNode(story.main, sandbox))
  await expectEvents({ files: [], main: { ...story.main, notes: { stores: 'none', ...story.main.notes } } }, sandbox)
}

function expectOutput({ at, notes }: Snippet, printed: string): void {
  if (notes.prints) expect(printed, at).toContain(notes.prints)
}

/** Waits until the server has exactly the expected events, and checks that no others follow. */
async function expectEvents({ files, main }: Story, sandbox: Sandbox): Promise<void> {
  const expected =
    main.notes.stores === 'none' ? [] : (main.notes.stores?.split(', ') ?? [...files, main].flatMap(named))
  const names = async () => (await sandbox.server.api.events()).map(({ name }) => name).sort()
  await expect.poll(names, { message: `events of ${main.at}` }).toEqual(expected.sort())
  await sleep(QUIET_MS)
  expect(await names(), `events of ${main.at}, after a pause`).toEqual(expected)
}

function named(snippet: Snippet): string[] {
  if (!isScript(snippet) && snippet.language !== 'html') return []
  return [...snippet.text.matchAll(NAMED), ...snippet.text.matchAll(FIXED)].map(([, name]) => name ?? '')
}
