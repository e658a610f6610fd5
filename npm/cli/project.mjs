// The project in a folder: what it is made with, and how packages are added to it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { detect, FRAMEWORKS, frameworkOf } from './frameworks.mjs'
import { Problem } from './problem.mjs'

const LOCK_FILES = [
  ['pnpm-lock.yaml', 'pnpm add'],
  ['yarn.lock', 'yarn add'],
  ['bun.lock', 'bun add'],
  ['bun.lockb', 'bun add'],
]

export class Project {
  folder
  framework
  /** Whether it is written in TypeScript. */
  isTyped
  #manifest

  constructor(folder, frameworkId) {
    this.folder = folder
    this.#manifest = manifestOf(folder)
    this.isTyped = existsSync(join(folder, 'tsconfig.json'))
    this.framework = this.#find(frameworkId)
  }

  /** The command that adds the package, or undefined if it is there or none is needed. */
  get install() {
    const { dependencies, devDependencies } = this.#manifest ?? {}
    if (this.framework.isHtml || 'lamplight' in { ...dependencies, ...devDependencies }) return undefined
    return `${this.#adds(this.folder) ?? 'npm install'} lamplight`
  }

  #find(id) {
    if (id !== undefined) {
      const chosen = frameworkOf(id)
      if (chosen) return chosen
      const known = FRAMEWORKS.map((it) => it.id).join(', ')
      throw new Problem(`unknown framework ${JSON.stringify(id)}: give one of ${known}`, 2)
    }
    const found = detect(this.#manifest, readdirSync(this.folder))
    if (found) return found
    throw new Problem(
      `failed to find a web app in ${this.folder}: there is neither a package.json nor an HTML file. Run this command in the folder of your app, or create one, for example with: npm create vite@latest`,
    )
  }

  /** The package manager's command, by the lock file here or, as in a monorepo, above. */
  #adds(folder) {
    const found = LOCK_FILES.find(([name]) => existsSync(join(folder, name)))
    if (found) return found[1]
    const parent = dirname(folder)
    return existsSync(join(folder, 'package-lock.json')) || parent === folder ? undefined : this.#adds(parent)
  }
}

function manifestOf(folder) {
  const path = join(folder, 'package.json')
  if (!existsSync(path)) return undefined
  try {
    return JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''))
  } catch (error) {
    throw new Problem(`failed to read ${path}: ${error.message}. Fix the file first`)
  }
}
