// HTTP of the documentation: each request, written out or as a curl command, is sent as shown, and must get the answer
// that is shown below it.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Place } from './place.ts'
import { inShell } from './shell.ts'
import { isAnswer, type Snippet } from './snippet.ts'

/** What was asked for may only be true a moment after an answer: processing comes later. */
const SETTLE_MS = 10_000
const AGAIN_MS = 100

interface Text {
  /** `POST /v1/events HTTP/1.1`, or `HTTP/1.1 200 OK`. */
  first: string
  headers: [name: string, value: string][]
  body: string
}

function read(text: string): Text {
  const [head = '', ...rest] = text.replaceAll('\r\n', '\n').split('\n\n')
  const [first = '', ...lines] = head.trim().split('\n')
  const headers = lines.map(
    (line) => [line.split(':')[0]?.toLowerCase() ?? '', line.slice(line.indexOf(':') + 1).trim()] as [string, string],
  )
  return { first, headers, body: rest.join('\n\n').trim() }
}

/** Sends a request that is written out, and says what came back. */
export async function exchange(text: string, url: string): Promise<Text> {
  const { first, headers, body } = read(text)
  const { hostname, port, host } = new URL(url)
  const given = headers.filter(([name]) => !['host', 'content-length'].includes(name))
  const own: [string, string][] = [
    ['host', host],
    ['connection', 'close'],
    ['content-length', String(Buffer.byteLength(body))],
  ]
  const lines = [first, ...[...given, ...own].map(([name, value]) => `${name}: ${value}`)]
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`))
    let answer = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => (answer += String(chunk)))
    socket.on('end', () => resolve(read(answer)))
    socket.on('error', reject)
  })
}

/** Holds the conversation of a page, in order. Returns where it went otherwise. */
export async function converse(snippets: Snippet[], place: Place): Promise<string[]> {
  const wrong: string[] = []
  for (const [index, request] of snippets.entries()) {
    if (isAnswer(request)) continue
    const wanted = snippets[index + 1]
    if (!wanted || !isAnswer(wanted)) wrong.push(`${request.at}: below a request there must be its answer`)
    else wrong.push(...(await tried(request, wanted, place)).map((what) => `${wanted.at}: ${what}`))
  }
  return wrong
}

async function tried(request: Snippet, wanted: Snippet, place: Place): Promise<string[]> {
  // Only what changes nothing is asked again.
  const isRepeatable =
    request.language === 'sh' ? !/ (-d|-X|--data) /.test(request.text) : request.text.startsWith('GET ')
  const last = Date.now() + (isRepeatable ? SETTLE_MS : 0)
  for (;;) {
    const differences = differing(await answered(request, wanted, place), shown(wanted, wanted.text))
    if (differences.length === 0 || Date.now() >= last) return differences
    await sleep(AGAIN_MS)
  }
}

async function answered(request: Snippet, wanted: Snippet, place: Place): Promise<Text> {
  if (request.language === 'sh') return shown(wanted, await inShell(request, place))
  const answer = await exchange(place.localized(request.text), place.server.url)
  return wanted.language === 'json' ? { ...answer, first: '' } : answer
}

/** What an answer block shows: the whole response (`curl -i`), or only its body. */
function shown({ language }: Snippet, text: string): Text {
  return language === 'json' ? { first: '', headers: [], body: text.trim() } : read(text)
}

function differing(is: Text, wanted: Text): string[] {
  const answers = `the answer is\n${is.first}\n${is.body}`
  if (is.first !== wanted.first) return [answers]
  const headers = wanted.headers.filter(
    ([name, value]) => !is.headers.some((one) => one[0] === name && fits(one[1], value)),
  )
  if (headers.length) return headers.map(([name, value]) => `no header '${name}: ${value}'; ${answers}`)
  if (!wanted.body) return []
  return fits(parsed(is.body), JSON.parse(wanted.body)) ? [] : [answers]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `…` stands for anything; members that are not shown may be there. */
function fits(is: unknown, wanted: unknown): boolean {
  if (wanted === '…') return is !== undefined
  if (Array.isArray(wanted))
    return Array.isArray(is) && is.length === wanted.length && wanted.every((one, index) => fits(is[index], one))
  if (typeof wanted === 'object' && wanted !== null)
    return (
      typeof is === 'object' &&
      is !== null &&
      Object.entries(wanted).every(([name, one]) => fits((is as Record<string, unknown>)[name], one))
    )
  return is === wanted
}
