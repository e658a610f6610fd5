// The environment files of a project, the most specific first.
import { existsSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { valueIn, withVariable } from './env_file.mjs'
import { ENV_FILES } from './frameworks.mjs'
import { Problem } from './problem.mjs'

/** Where a variable that is in no file yet is written. Most templates keep this file out of Git. */
const OWN_FILE = '.env.local'
const COMMENT = 'The address of the Lamplight server, and its write key, which is public.'

export class EnvironmentFiles {
  #folder
  /** The text of each file that exists. */
  #texts = new Map()
  #changed = new Set()

  constructor(folder) {
    this.#folder = folder
    for (const name of ENV_FILES) {
      const path = join(folder, name)
      if (existsSync(path)) this.#texts.set(name, readText(path))
    }
  }

  /** The value that counts, and the file that it is in. */
  value(variable) {
    for (const [file, text] of this.#texts) {
      const value = valueIn(text, variable)
      if (value !== undefined) return value === '' ? undefined : { value, file }
    }
    return undefined
  }

  /** Sets a variable that has no value yet. */
  add(variable, value) {
    const declared = [...this.#texts].find(([, text]) => valueIn(text, variable) !== undefined)
    const file = declared?.[0] ?? OWN_FILE
    this.#texts.set(file, withVariable(this.#texts.get(file) ?? '', variable, value, COMMENT))
    this.#changed.add(file)
  }

  /** Writes what was added, each file at once, and returns the names of the changed files. */
  write() {
    for (const file of this.#changed) replaceFile(join(this.#folder, file), this.#texts.get(file))
    return [...this.#changed]
  }
}

/** What Windows says when a file cannot be replaced, because another program has it open. */
const IN_USE = ['EPERM', 'EACCES', 'EBUSY']

/** A file's text. It must be in UTF-8, as all that reads these files takes it to be. */
export function readText(path) {
  const bytes = readFileSync(path)
  // What `echo A=1 > .env` writes in an older PowerShell.
  if (bytes.includes(0))
    throw new Problem(`failed to read ${path}: it is in UTF-16, or no text. Save it as UTF-8 first`)
  return bytes.toString('utf8')
}

/** Replaces a file's text. A program that reads it meanwhile finds the old or the new text. */
export function replaceFile(path, text) {
  if (!existsSync(path)) return writeFileSync(path, text)
  // A link stays a link.
  const real = realpathSync(path)
  const beside = `${real}.lamplight-${process.pid}`
  writeFileSync(beside, text, { mode: statSync(real).mode })
  try {
    renameSync(beside, real)
  } catch (error) {
    rmSync(beside, { force: true })
    if (process.platform !== 'win32' || !IN_USE.includes(error.code)) throw error
    writeFileSync(real, text)
  }
}
