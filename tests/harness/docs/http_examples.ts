// HTTP examples of the documentation: each request, as text or as a curl command, is sent as shown,
// and must get the response that is shown below it.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sandbox } from './sandbox.ts'
import { inShell } from './shell.ts'
import { isResponse, type Snippet } from './snippet.ts'

/** Reads are repeated for this long, because events are processed after the response. */
const SETTLE_MS = 10_000
const RETRY_MS = 100

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

/** Sends a request as text, and returns the response. */
export async function sendRequest(text: string, url: string): Promise<Text> {
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

/** Sends the requests of a page in order. Returns the differences from the shown responses. */
export async function checkExchanges(snippets: Snippet[], sandbox: Sandbox): Promise<string[]> {
  const differences: string[] = []
  for (const [index, request] of snippets.entries()) {
    if (isResponse(request)) continue
    const expected = snippets[index + 1]
    if (!expected || !isResponse(expected))
      differences.push(`${request.at}: a request must be followed by its response`)
    else
      differences.push(
        ...(await differencesOf(request, expected, sandbox)).map((difference) => `${expected.at}: ${difference}`),
      )
  }
  return differences
}

async function differencesOf(request: Snippet, expected: Snippet, sandbox: Sandbox): Promise<string[]> {
  // Only requests that change nothing are repeated.
  const isRepeatable =
    request.language === 'sh' ? !/ (-d|-X|--data) /.test(request.text) : request.text.startsWith('GET ')
  const last = Date.now() + (isRepeatable ? SETTLE_MS : 0)
  for (;;) {
    const differences = compare(await responseTo(request, expected, sandbox), shown(expected, expected.text))
    if (differences.length === 0 || Date.now() >= last) return differences
    await sleep(RETRY_MS)
  }
}

async function responseTo(request: Snippet, expected: Snippet, sandbox: Sandbox): Promise<Text> {
  if (request.language === 'sh') return shown(expected, await inShell(request, sandbox))
  const response = await sendRequest(sandbox.withLocalAddresses(request.text), sandbox.server.url)
  return expected.language === 'json' ? { ...response, first: '' } : response
}

/** What a response block shows: the whole response (`curl -i`), or only its body. */
function shown({ language }: Snippet, text: string): Text {
  return language === 'json' ? { first: '', headers: [], body: text.trim() } : read(text)
}

function compare(actual: Text, expected: Text): string[] {
  const response = `the response is\n${actual.first}\n${actual.body}`
  if (actual.first !== expected.first) return [response]
  const headers = expected.headers.filter(
    ([name, value]) => !actual.headers.some((one) => one[0] === name && matches(one[1], value)),
  )
  if (headers.length) return headers.map(([name, value]) => `no header '${name}: ${value}'; ${response}`)
  if (!expected.body) return []
  return matches(parsed(actual.body), JSON.parse(expected.body)) ? [] : [response]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `…` matches anything, and objects may have more members than are shown. */
function matches(actual: unknown, expected: unknown): boolean {
  if (expected === '…') return actual !== undefined
  if (Array.isArray(expected))
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((one, index) => matches(actual[index], one))
    )
  if (typeof expected === 'object' && expected !== null)
    return (
      typeof actual === 'object' &&
      actual !== null &&
      Object.entries(expected).every(([name, one]) => matches((actual as Record<string, unknown>)[name], one))
    )
  return actual === expected
}
