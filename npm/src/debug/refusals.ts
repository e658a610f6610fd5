// Why the server did not take a batch.

/** What the server says about a request: RFC 9457. */
interface Problem {
  code: string
  detail: string
}

/** Statuses for which the server has a reason that does not depend on the batch. */
const ASKED = [401, 403, 404, 405]

/** What a failed request means, and what to do. `url` is the address that events are posted to. */
export async function explainRefusal(status: number, url: string): Promise<string> {
  const address = url.replace(/\?.*/s, '')
  const problem = ASKED.includes(status) ? await askWhy(status, url) : undefined
  if (problem) return `${address} refuses all events (${problem.code}): ${problem.detail}`
  const text = explanation(status)
  return status ? `${address} answered ${status}: ${text}` : `no answer from ${address}: ${text}`
}

function explanation(status: number): string {
  if (!status)
    return "is the server running, and is the option 'url' right? A content blocker, or a Content Security Policy without this origin in connect-src, has the same effect. Events stay queued"
  if (status < 300) return "not as a Lamplight server does. Does the option 'url' point to another server?"
  if (status === 401 || status === 403) return "check the option 'key', and whether the key allows this page's origin"
  if (status === 404 || status === 405) return "no events are taken there. Check the options 'url' and 'path'"
  if (status === 429) return 'too many events or bytes per second for this key. Events stay queued until the pause ends'
  if (status >= 500) return 'the server has a problem, and its log says which. Events stay queued and are retried'
  return 'the batch was refused. The client splits it to find the event that the server cannot store'
}

/** The first client knows the status only, so this repeats the request without events. */
async function askWhy(status: number, url: string): Promise<Problem | undefined> {
  try {
    const headers = { 'content-type': 'text/plain' }
    const response = await fetch(url, { method: 'POST', body: '', headers, credentials: 'omit' })
    const { code, detail } = (await response.json()) as Partial<Problem>
    if (response.status === status && code && detail) return { code, detail }
  } catch {}
  return undefined
}
