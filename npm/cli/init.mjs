// `lamplight init`: connects the web app in the current folder with a server.
import { EnvironmentFiles } from './environment_files.mjs'
import { linesFor } from './frameworks.mjs'
import { ignoreData } from './git_ignore.mjs'
import { LamplightServer } from './lamplight_server.mjs'
import { Project } from './project.mjs'
import { adminToken } from './token.mjs'

const URL_DEFAULT = 'http://127.0.0.1:8787'

/** Runs the command, and returns the text to print. Nothing is written before the key works. */
export async function init(options, folder, env) {
  const project = new Project(folder, options.framework)
  const { framework } = project
  const files = framework.prefix ? new EnvironmentFiles(folder) : undefined
  const variables = { url: `${framework.prefix}LAMPLIGHT_URL`, key: `${framework.prefix}LAMPLIGHT_KEY` }
  const there = { url: files?.value(variables.url), key: files?.value(variables.key) }

  // An app may have a path of its own site as address, which a proxy leads to the server.
  const address = there.url?.value.startsWith('/') ? undefined : there.url?.value
  const server = new LamplightServer(address ?? options.url ?? env['LAMPLIGHT_URL'] ?? URL_DEFAULT)
  const key =
    there.key?.value ??
    options.key ??
    (await server.writeKey(await adminToken(options['token-file'], env, server.url), options.source))
  await server.check(key)

  const said = [`This is ${framework.name}. The server at ${server.url} accepts the write key.`, '']
  for (const [what, value] of [
    ['url', server.url],
    ['key', key],
  ]) {
    const kept = there[what]
    if (kept)
      said.push(`  kept     ${variables[what]}=${kept.value} in ${kept.file}${difference(options[what], kept.value)}`)
    else files?.add(variables[what], value)
  }
  for (const file of files?.write() ?? []) said.push(`  wrote    ${file}`)
  if (ignoreData(folder)) said.push('  wrote    .gitignore: the data of a server that runs in this folder')
  if (said.length > 2) said.push('')

  let step = 1
  if (project.install) said.push(`${step++}. Install the package:`, '', `   ${project.install}`, '')
  const lines = linesFor(framework, server.url, key, project.isTyped)
  said.push(`${step++}. Add this to ${framework.place}:`, '', ...lines.map((line) => `   ${line}`), '')
  const restart = files ? 'Restart your development server, and open' : 'Open'
  said.push(
    `${step}. ${restart} your page. Then look for the event, with the server's admin token:`,
    '',
    `   ${lookCommand(server.url)}`,
  )
  return said.join('\n')
}

/** The command that shows events. In PowerShell, `curl` may be another command. */
export function lookCommand(url, platform = process.platform) {
  const [curl, variable] = platform === 'win32' ? ['curl.exe', '$env:'] : ['curl', '$']
  return `${curl} -H "authorization: Bearer ${variable}LAMPLIGHT_ADMIN_TOKEN" "${url}/api/events?limit=5"`
}

/** What to say about a value that was given but not written. */
function difference(given, kept) {
  return given === undefined || given === kept ? '' : `, and not ${given}: to change it, edit that file`
}
