// The files of the cluster, as their own programs read them.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const CLUSTER = fileURLToPath(new URL('../../server/packaging/cluster', import.meta.url))
/** One that reads like a number, which NATS would take for one. */
export const PASSWORD = '0123456789'

const PROGRAM_MS_MAX = 60_000
/** Prints the documents of the files as JSON. */
const AS_JSON =
  'import json, sys, yaml; print(json.dumps([d for f in sys.argv[1:] for d in yaml.safe_load_all(open(f))]))'

// biome-ignore lint/suspicious/noExplicitAny: what a file says is read where it is checked.
export type Document = any

export interface Container {
  name: string
  env?: { name: string; value?: string; valueFrom?: Record<string, unknown> }[]
  securityContext: Record<string, unknown>
  resources: { requests: Record<string, string>; limits: Record<string, string> }
}

/** A folder with programs, which `cargo xtask test` names. */
export function folder(variable: string): string {
  const path = process.env[variable]
  if (!path) throw new Error(`${variable} is missing: run cargo xtask test --only packaging`)
  return path
}

/** What a program prints. It must succeed. */
export async function run(program: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const options = { env: { ...process.env, ...env }, timeout: PROGRAM_MS_MAX, maxBuffer: 1 << 26 }
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, options)
    return stdout + stderr
  } catch (error) {
    const { stdout, stderr, message } = error as Error & { stdout?: string; stderr?: string }
    throw new Error(`${message}\n${stdout ?? ''}${stderr ?? ''}`)
  }
}

/** The documents of YAML files. */
export async function documents(...files: string[]): Promise<Document[]> {
  return JSON.parse(await run(join(folder('TEST_MANIFESTS'), 'python'), ['-c', AS_JSON, ...files]))
}

/** What `kubectl apply --kustomize` would apply, as YAML. */
export function kustomized(name: string): Promise<string> {
  return run(join(folder('TEST_MANIFESTS'), 'kubectl'), ['kustomize', join(CLUSTER, name)])
}

/** The environment of a service of Compose, with `PASSWORD` for every password. */
export function composeEnvironment(service: Document): Record<string, string> {
  const given = Object.entries<string | null>(service.environment).filter(([, value]) => value !== null)
  return Object.fromEntries(given.map(([name, value]) => [name, String(value).replaceAll(/\$\{\w+:\?\}/g, PASSWORD)]))
}

/** The environment of a container of Kubernetes, with `fields` of its pod, and `PASSWORD` else. */
export function podEnvironment(container: Container, fields: Record<string, string>): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const { name, value, valueFrom } of container.env ?? []) {
    const known = (text: string): string =>
      text.replaceAll(/\$\((\w+)\)/g, (all, key: string) => environment[key] ?? all)
    environment[name] = value === undefined ? (fields[name] ?? PASSWORD) : known(value)
    if (value === undefined && !valueFrom) throw new Error(`${name} has no value`)
  }
  return environment
}

/** The longest that a server takes to stop, in seconds. */
export function stopSecondsMax(): number {
  const serve = readFileSync(new URL('../../server/src/cli/serve.rs', import.meta.url), 'utf8')
  const graces = [...serve.matchAll(/_GRACE: Duration = Duration::from_secs\((\d+)\)/g)]
  return graces.reduce((sum, [, seconds]) => sum + Number(seconds), 0)
}
