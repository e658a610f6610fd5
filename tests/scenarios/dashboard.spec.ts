// The dashboard has the form that Grafana expects: the types of its schema describe all of it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from '../harness/test.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Inside the workspace, so that its packages are found. */
const FOLDER = join(ROOT, 'tests/results/dashboard-types')
const PANELS = '@grafana/schema/dist/esm/raw/composable'

/** The types of the options of each kind of panel, without those of rows. */
const OPTIONS: Record<string, string> = {
  stat: 'Stat',
  timeseries: 'TimeSeries',
  'state-timeline': 'StateTimeline',
}

const TYPES = `import type { Dashboard, GraphFieldConfig } from '@grafana/schema'
import type { Options as Stat } from '${PANELS}/stat/panelcfg/x/StatPanelCfg_types.gen'
import type { Options as StateTimeline } from '${PANELS}/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen'
import type { Options as TimeSeries } from '${PANELS}/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen'
/** Enums as the texts that are in JSON. */
type Plain<T> = T extends string ? \`\${T}\` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T
/** Grafana fills in what is missing. */
type Part<T> = T extends (infer I)[] ? Part<I>[] : T extends object ? { [K in keyof T]?: Part<T[K]> } : T
`

interface Panel {
  type: string
  title: string
  options?: object
  fieldConfig?: { defaults: { custom?: object } }
}

test("the dashboard has the form of Grafana's schema", () => {
  const dashboard = JSON.parse(readFileSync(join(ROOT, 'server/grafana/lamplight.json'), 'utf8')) as { panels: Panel[] }
  const lines = [TYPES, `export const dashboard: Plain<Dashboard> = ${JSON.stringify(dashboard)}`]
  for (const [index, { type, title, options, fieldConfig }] of dashboard.panels.entries()) {
    if (type === 'row') continue
    expect(OPTIONS[type], title).toBeDefined()
    lines.push(`export const options${index}: Part<Plain<${OPTIONS[type]}>> = ${JSON.stringify(options)}`)
    lines.push(
      `export const custom${index}: Plain<GraphFieldConfig> = ${JSON.stringify(fieldConfig?.defaults.custom ?? {})}`,
    )
  }
  expect(errorsIn(lines.join('\n'))).toEqual([])
  expect(errorsIn(lines.join('\n').replaceAll('"gridPos"', '"grid"')), 'a wrong name is found').not.toEqual([])
})

function errorsIn(text: string): string[] {
  mkdirSync(FOLDER, { recursive: true })
  const path = join(FOLDER, 'dashboard.ts')
  writeFileSync(path, text)
  const program = ts.createProgram([path], {
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  })
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n').slice(0, 1_000))
}
