#!/usr/bin/env node
// Runs the built server of this system, which is in a package of its own. What the caller sees is
// that of the server: its output, its exit code, and what signals do to it.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { binaryIn, PLATFORMS, packageName } from './platforms.mjs'

/**
 * Signals that ask a program to end or to do something, which the server gets instead of this
 * process. SIGKILL and SIGSTOP cannot be passed on.
 */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGBREAK']
/**
 * On Windows, Ctrl-C, Ctrl-Break and the end of the console reach the server by themselves. This
 * process must only outlive it, and must not pass them on: `kill` would end the server at once.
 */
const IS_SHARED = process.platform === 'win32'
/** How often to look whether the shell of npx is still there. */
const PARENT_EVERY_MS = 500

const here = { os: process.platform, cpu: process.arch }

/** The path of the built server, or why there is none and what to do. */
function find() {
  const name = packageName(here)
  if (!PLATFORMS.some(({ os, cpu }) => os === here.os && cpu === here.cpu)) {
    const known = PLATFORMS.map(({ os, cpu }) => `${os}-${cpu}`).join(', ')
    return {
      problem: `there is no built server for ${here.os}-${here.cpu}, only for ${known}. Run the container image, or build the server from its sources: https://github.com/lamplight-telemetry/lamplight/blob/main/docs/install.md`,
    }
  }
  try {
    return { path: createRequire(import.meta.url).resolve(`${name}/${binaryIn(here)}`) }
  } catch {
    return {
      problem: `the package ${name} is not installed. It contains the server for this system. npm leaves it out with --omit=optional or --no-optional, and if node_modules or package-lock.json come from another system. Run this:

  npm install --include=optional lamplight-server

If that does not help, delete node_modules and package-lock.json first.`,
    }
  }
}

const found = find()
if (found.path === undefined) {
  process.stderr.write(`error: failed to start the server: ${found.problem}\n`)
  process.exit(1)
}

const given = process.argv.slice(2)
// Options alone are those of `serve`, apart from those that every program has.
const isServe = given.length === 0 || (/^-/.test(given[0]) && !/^(-h|--help|-V|--version)$/.test(given[0]))
// Before the server starts, which may be so quick that somebody ends it at once.
for (const signal of PASSED_ON) {
  // Systems do not have all of these.
  if (signal in constants.signals) process.on(signal, () => IS_SHARED || server.kill(signal))
}
const server = spawn(found.path, isServe ? ['serve', ...given] : given, { stdio: 'inherit' })
// When npx is asked to end, it ends the shell between itself and this process, and nothing else.
const parent = process.ppid
if (process.env['npm_command'] === 'exec')
  setInterval(() => isOrphan() && server.kill('SIGTERM'), PARENT_EVERY_MS).unref()
server.on('error', (error) => {
  process.stderr.write(`error: failed to start ${found.path}: ${error.message}\n`)
  process.exit(1)
})
server.on('exit', (code, signal) => {
  if (signal === null) process.exit(code)
  // End as the server did, so that a shell or a supervisor sees the signal.
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
  // The signal ends this process in a moment, unless the system ignores it.
  setTimeout(() => process.exit(128 + constants.signals[signal]), 1_000)
})

/** Whether the process that started this one has ended. On Windows, only its number stays. */
function isOrphan() {
  if (process.ppid !== parent) return true
  try {
    return !process.kill(parent, 0)
  } catch {
    return true
  }
}
