// Keeps the server's data out of Git: `npx lamplight-server` in the same folder creates it there,
// with events and the hashes of tokens.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readText, replaceFile } from './environment_files.mjs'

const DATA = 'lamplight-data/'

/** The text of a .gitignore with the server's data in it. */
export function withData(text) {
  const listed = text.split(/\r?\n/).some((line) => /^\/?(\*\*\/)?lamplight-data\/?\s*$/.test(line))
  if (listed) return text
  const end = text.includes('\r\n') ? '\r\n' : '\n'
  return `${text}${text === '' || text.endsWith('\n') ? '' : end}${DATA}${end}`
}

/** Adds the server's data to a project's .gitignore. Returns whether that changed the file. */
export function ignoreData(folder) {
  const path = join(folder, '.gitignore')
  if (!existsSync(path) && !isInRepository(folder)) return false
  const before = existsSync(path) ? readText(path) : ''
  const after = withData(before)
  if (after === before) return false
  replaceFile(path, after)
  return true
}

function isInRepository(folder) {
  if (existsSync(join(folder, '.git'))) return true
  const parent = dirname(folder)
  return parent !== folder && isInRepository(parent)
}
