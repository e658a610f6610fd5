import { Client } from '../harness/client.ts'
import { expect, test } from '../harness/test.ts'

/** What the page's calls returned. */
interface Outcomes {
  made: number
  numbered: number
  stored: number
  tooLarge: number
  invalid: number
  errors: string[]
}

test('no argument makes the server refuse an event, lose a number or block the page', async ({ openTab, server }) => {
  const tab = await openTab()
  const outcomes = await tab.page.evaluate(async () => {
    const { lamplight } = window
    document.body.innerHTML = '<div id="menu"><form id="f"><input name="id"><svg></svg></form></div>'
    const linked: Record<string, unknown>[] = Array.from({ length: 60 }, () => ({}))
    for (const one of linked) for (const [at, other] of linked.entries()) one[`to${at}`] = other
    let deep: unknown = 1
    for (let level = 0; level < 200; level += 1) deep = level % 2 ? { deep } : [deep]
    const throwing = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no')
        },
      },
    )
    const frame = document.body.appendChild(document.createElement('iframe'))
    const other = frame.contentWindow as unknown as { Date: DateConstructor; Array: ArrayConstructor }
    const values: unknown[] = [
      ...[undefined, null, '', 'text', 'half \ud800', '日💡', '\n\u2028"\\', true, 0, -0, 1.5, -1, 1e300, 2 ** 53],
      ...[Number.NaN, Number.POSITIVE_INFINITY, 5n, 2n ** 200n, Symbol('s'), () => 1, class {}],
      ...[[], [1, [2]], {}, { a: { b: 1 } }, linked[0], linked, deep, throwing, new Array(1e9), Object.create(null)],
      ...[new Date(), new Date(Number.NaN), new other.Date(), new other.Array(3), new Map([[{}, 1]]), new Set([1])],
      ...[new TypeError('no'), new DOMException('gone'), /x/, new Uint8Array(1e5), new Blob(['x']), Promise.resolve()],
      ...[window, frame.contentWindow, document, document.body, document.querySelector('form'), document.forms],
      ...[
        document.createTextNode('t'),
        new MouseEvent('click'),
        new URL('https://a.example/?b'),
        localStorage,
        location,
      ],
      ...['x'.repeat(200), 'x'.repeat(201), '日'.repeat(67), '日'.repeat(20_000_000), 'x'.repeat(40_000)],
      ...[1e15, 1.7e15, '2026-01-31T12:00:00Z', '+010000-01-01T00:00:00Z', 'T12Z', '2026-02-30T00:00:00Z'],
      ...[{ toJSON: () => 'text' }, { toJSON: () => throwing }, Object('boxed'), Object(1), document.body.dataset],
    ]
    const errors: string[] = []
    lamplight.on('error', ({ message }) => errors.push(message))
    const results: ReturnType<typeof lamplight.track>[] = []
    // The arguments are of any type, and the types of the package would refuse most.
    const { track, page, identify, increment, gauge, timing } = Object.fromEntries(
      (['track', 'page', 'identify', 'increment', 'gauge', 'timing'] as const).map((name) => [
        name,
        (...args: unknown[]) => results.push((lamplight[name] as (...args: unknown[]) => (typeof results)[0])(...args)),
      ]),
    ) as Record<string, (...args: unknown[]) => void>
    for (const value of values) {
      track?.(value)
      track?.('properties', value)
      track?.('member', { value, kept: true })
      track?.('options', {}, value)
      for (const name of ['ts', 'type', 'user', 'monitor', 'properties']) track?.(name, { a: 1 }, { [name]: value })
      for (const name of ['id', 'anonymous_id', 'other']) track?.(`user.${name}`, {}, { user: { [name]: value } })
      for (const name of ['kind', 'metric', 'value', 'rate', 'unit', 'tags', 'toJSON', 'other'])
        track?.(`monitor.${name}`, {}, { monitor: { kind: 'gauge', value: 1, [name]: value } })
      track?.('increment', {}, { monitor: { kind: 'increment', value } })
      page?.(value)
      page?.({ value })
      identify?.(value)
      identify?.('u-1', value)
      increment?.('count', value)
      increment?.(value, 1, value)
      gauge?.('level', value)
      timing?.('duration', value, { tags: value, properties: value, unit: value })
      // As often as the limit of localStorage requires.
      if (results.length > 500) await lamplight.flush()
    }
    await lamplight.flush()
    const count = (is: (result: (typeof results)[0]) => boolean): number => results.filter(is).length
    return {
      made: lamplight.stats().made,
      numbered: count(({ seq }) => seq > 0),
      stored: count(({ stored }) => stored),
      tooLarge: count(({ reason }) => reason === 'too_large'),
      invalid: count(({ reason }) => reason === 'invalid'),
      errors,
    } satisfies Outcomes
  })
  expect(outcomes.made).toBe(outcomes.numbered)
  expect(outcomes.numbered).toBe(outcomes.stored + outcomes.tooLarge)
  expect(outcomes.stored).toBeGreaterThan(500)
  expect(outcomes.tooLarge).toBeGreaterThan(10)
  expect(outcomes.invalid).toBeGreaterThan(100)
  expect(outcomes.errors.length).toBeGreaterThanOrEqual(outcomes.invalid + outcomes.tooLarge)
  await expect
    .poll(() => server.api.totals())
    .toMatchObject({
      made: outcomes.made,
      stored: outcomes.stored,
      declared: outcomes.tooLarge,
      duplicates: 0,
      invalid: 0,
      lost: 0,
      in_flight: 0,
    })
})

test('elements, events and errors are stored as what a person can read', async ({ openTab, server }) => {
  const tab = await openTab()
  await tab.page.evaluate(() => {
    document.body.innerHTML = '<div id="menu"></div><p></p>'
    window.lamplight.track('described', {
      element: document.querySelector('#menu'),
      plain: document.querySelector('p'),
      document,
      window,
      event: new MouseEvent('click'),
      error: new RangeError('too far'),
    })
    const marked = document.createElement('i')
    marked.dataset['item'] = '7'
    window.lamplight.track('dataset', { dataset: marked.dataset })
  })
  await expect.poll(async () => (await server.api.totals()).stored).toBe(2)
  const [described] = await server.api.events({ name: 'described' })
  expect(described?.properties).toMatchObject({
    element: '[div#menu]',
    plain: '[p]',
    document: '[HTMLDocument]',
    window: '[Window]',
    event: '[click]',
    error: { name: 'RangeError', message: 'too far', stack: expect.stringContaining('too far') },
  })
  const [dataset] = await server.api.events({ name: 'dataset' })
  expect(dataset?.properties).toEqual({ dataset: { item: '7' } })
})

test('a waiting call keeps its user, page and properties', async ({ context, site, server }) => {
  const page = await context.newPage()
  await page.goto(site.origin)
  const tab = await Client.in(page, server.url, { consent: 'pending' })
  await tab.page.evaluate(() => {
    const { lamplight } = window
    const properties = { step: { n: 0 } }
    for (const user of ['ada', 'bob', 'eve']) {
      history.pushState({}, '', `/${user}`)
      properties.step.n += 1
      lamplight.identify(user, { trait: user })
      lamplight.track('did', properties)
      lamplight.track('did', properties)
      lamplight.reset()
    }
    history.pushState({}, '', '/decided')
    lamplight.setConsent('granted')
  })
  await expect.poll(async () => (await server.api.totals()).stored).toBe(9)
  type Row = Awaited<ReturnType<typeof server.api.events>>[number] & {
    user: { id?: string; anonymous_id: string }
    context: { page: string; initial: { page: string } }
  }
  const rows = ((await server.api.events()) as Row[]).sort((a, b) => Number(a.seq) - Number(b.seq))
  expect(rows.map(({ name, user, properties, context }) => [name, user.id, properties, context.page])).toEqual(
    ['ada', 'bob', 'eve'].flatMap((user, at) => [
      ['identify', user, { trait: user }, `${site.origin}/${user}`],
      ['did', user, { step: { n: at + 1 } }, `${site.origin}/${user}`],
      ['did', user, { step: { n: at + 1 } }, `${site.origin}/${user}`],
    ]),
  )
  expect(new Set(rows.map(({ user }) => user.anonymous_id)).size).toBe(3)
  expect(new Set(rows.map(({ context }) => context.initial.page)).size).toBe(1)
})
