#!/usr/bin/env node
// The command `lamplight` of this package. Pages never load it.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { init } from './init.mjs'
import { Problem } from './problem.mjs'

const HELP = `Connect a web app with a Lamplight server

Usage: npx lamplight init [options]

Finds the framework of the app in the current folder, gets a write key from the server, writes the
app's environment file, and prints the lines that send the first event. Values that are in an
environment file already are kept.

Options:
  --url <address>      the server [default: http://127.0.0.1:8787] [env: LAMPLIGHT_URL]
  --key <key>          the write key. Without it, the command asks the server for one
  --source <name>      use or create a write key of this source
  --token-file <file>  file with the admin token [env: LAMPLIGHT_ADMIN_TOKEN holds the token itself].
                       Without either, the command asks for it at a terminal
  --framework <name>   next, sveltekit, astro, nuxt, react-scripts, vite, bundler or html, instead of
                       what the command finds
  -h, --help           print this
  -V, --version        print the version

To run the server: npx lamplight-server`

const OPTIONS = {
  url: { type: 'string' },
  key: { type: 'string' },
  source: { type: 'string' },
  'token-file': { type: 'string' },
  framework: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
}

async function run(args) {
  const { values, positionals } = parsed(args)
  if (values.help) return HELP
  if (values.version) return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
  const [command, ...rest] = positionals
  if (command === undefined) throw new Problem(`no command was given\n\n${HELP}`, 2)
  if (command !== 'init')
    throw new Problem(
      `unknown command ${JSON.stringify(command)}: this package has only init. The server's commands are in another package: npx lamplight-server ${command}`,
      2,
    )
  if (rest.length > 0)
    throw new Problem(`unexpected argument ${JSON.stringify(rest[0])}: init takes options only, see --help`, 2)
  return init(values, process.cwd(), process.env)
}

function parsed(args) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new Problem(`${error.message}\nSee: npx lamplight --help`, 2)
  }
}

try {
  process.stdout.write(`${await run(process.argv.slice(2))}\n`)
} catch (error) {
  const isKnown = error instanceof Problem
  process.stderr.write(`error: ${isKnown ? error.message : error.stack}\n`)
  process.exitCode = isKnown ? error.exitCode : 1
}
