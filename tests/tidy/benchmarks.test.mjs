// docs/benchmarks.md is what bench/report generates from the published results.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documentOf } from '../../bench/report/document.mjs'
import { generated, outOfDate } from '../../bench/report/main.mjs'
import { drawn } from '../../bench/report/plot.mjs'
import { checkSection } from '../../bench/report/section.mjs'

const goal = {
  measure: 'bytes <of> a page',
  best_peer: 'Peer: 2',
  lamplight: '3',
  ratio: '1.5',
  goal: '≤ 4',
  met: true,
  peer_wins: true,
}
const section = {
  machine: { cpu: 'a processor', cores: 2, programs: { Chromium: '1' } },
  at: '2026-01-01',
  title: 'Here',
  intro: 'One.\n\nTwo.',
  tables: [{ title: 'Table', note: 'Note.', columns: ['', 'a'], rows: [['x', '1']] }],
  plots: [{ title: 'Plot & more', unit: 'ms', bars: [{ name: 'Lamplight', median: 2, low: 1, high: 3 }] }],
  goals: [goal],
}
const REASONS = { [goal.measure]: 'The peer does less.' }

test('the page of benchmarks and its plots are up to date', () => {
  assert.deepEqual(outOfDate(), [], 'run cargo xtask bench report')
})

test('a page that differs from what is generated is found', () => {
  const files = generated()
  const [page] = files.keys()
  assert.deepEqual(outOfDate(new Map([...files, [page, '# Benchmarks\n']])), ['docs/benchmarks.md'])
})

test('a peer that wins needs a reason, and so does a goal that is missed', () => {
  assert.match(documentOf([section], REASONS), /- \*\*Bytes <of> a page\*\*: The peer does less\./)
  assert.throws(() => documentOf([section], {}), /'bytes <of> a page': a peer is better, and .* does not say why/)
  const missed = { ...section, goals: [{ ...goal, met: false, peer_wins: false }] }
  assert.throws(() => documentOf([missed], {}), /the goal is missed/)
  const won = { ...section, goals: [{ ...goal, peer_wins: false }] }
  assert.doesNotMatch(documentOf([won], {}), /The peer does less/)
})

test('results of the wrong shape are told by the entry that is wrong', () => {
  assert.equal(checkSection(section), undefined)
  assert.match(checkSection({ ...section, at: 7 }), /'at' must be text/)
  const uneven = { ...section.tables[0], rows: [['x']] }
  assert.match(checkSection({ ...section, tables: [uneven] }), /'tables' has an entry of the wrong shape/)
  assert.match(checkSection({ ...section, goals: [{ ...goal, met: 'yes' }] }), /'goals' has an entry/)
  assert.match(checkSection({ ...section, plots: [{ title: 'Plot', unit: 'ms', bars: [] }] }), /'plots' has an entry/)
})

test('a plot is escaped, and turns logarithmic where bars would be too short to see', () => {
  const [plot] = section.plots
  assert.match(drawn(plot), /<title>Plot &#38; more<\/title>/)
  assert.doesNotMatch(drawn(plot), /logarithmic/)
  const far = { ...plot, better: 'less', bars: [...plot.bars, { name: 'Peer', median: 500, low: 500, high: 500 }] }
  assert.match(drawn(far), /ms, less is better, logarithmic/)
  const zeros = { ...plot, bars: plot.bars.map((bar) => ({ ...bar, median: 0, low: 0, high: 0 })) }
  assert.doesNotMatch(drawn(zeros), /NaN|Infinity/)
})
