// Frameworks: how each is recognized, how it passes variables to the browser, and which lines send
// the first event there.

/** What the environment file of a framework contains. Later files in `ENV_FILES` count less. */
export const ENV_FILES = ['.env.development.local', '.env.local', '.env.development', '.env']

const viteValue = (prefix) => (name) => `import.meta.env.${prefix}${name}`
const nodeValue = (prefix) => (name, isTyped) => `process.env.${prefix}${name}${isTyped ? '!' : ''}`

/**
 * In the order in which they are looked for: a framework that contains another comes first.
 *
 * `packages` and `files` are what a project with it has. With `prefix`, the framework reads
 * variables from `.env.local` and passes those of this prefix to the browser, where `value` is the
 * expression for one. `place` says where the lines belong.
 */
export const FRAMEWORKS = [
  {
    id: 'next',
    name: 'Next.js',
    packages: ['next'],
    files: /^next\.config\.\w+$/,
    prefix: 'NEXT_PUBLIC_',
    value: nodeValue('NEXT_PUBLIC_'),
    place: "a client component, below 'use client'",
  },
  {
    id: 'sveltekit',
    name: 'SvelteKit',
    packages: ['@sveltejs/kit'],
    files: /^svelte\.config\.\w+$/,
    prefix: 'PUBLIC_',
    imports: (names) => `import { ${names.join(', ')} } from '$env/static/public'`,
    value: (name) => `PUBLIC_${name}`,
    place: 'the script of src/routes/+layout.svelte',
  },
  {
    id: 'astro',
    name: 'Astro',
    packages: ['astro'],
    files: /^astro\.config\.\w+$/,
    prefix: 'PUBLIC_',
    value: viteValue('PUBLIC_'),
    place: 'a <script> of your layout',
  },
  { id: 'nuxt', name: 'Nuxt', packages: ['nuxt'], files: /^nuxt\.config\.\w+$/, place: 'plugins/lamplight.client.ts' },
  {
    id: 'react-scripts',
    name: 'Create React App',
    packages: ['react-scripts'],
    prefix: 'REACT_APP_',
    value: nodeValue('REACT_APP_'),
    place: 'src/index.js',
  },
  {
    id: 'vite',
    name: 'Vite',
    packages: ['vite'],
    files: /^vite\.config\.\w+$/,
    prefix: 'VITE_',
    value: viteValue('VITE_'),
    place: 'the script that your page starts with, such as src/main.js',
  },
  { id: 'bundler', name: 'a package with a bundler', place: 'the script that your page starts with' },
  { id: 'html', name: 'plain HTML', isHtml: true, place: 'the <head> of your pages' },
]

/** The framework with this id. */
export function frameworkOf(id) {
  return FRAMEWORKS.find((it) => it.id === id)
}

/**
 * The framework of a project: by its packages, else by its files.
 *
 * `manifest` is its package.json, or undefined without one. `files` are the names in its folder.
 */
export function detect(manifest, files) {
  const packages = { ...manifest?.dependencies, ...manifest?.devDependencies }
  const used = FRAMEWORKS.find((it) => it.packages?.some((name) => name in packages))
  const configured = FRAMEWORKS.find((it) => files.some((name) => it.files?.test(name)))
  if (used || configured) return used ?? configured
  if (files.some((name) => /\.html?$/i.test(name)) && Object.keys(packages).length === 0) return frameworkOf('html')
  return manifest && frameworkOf('bundler')
}

/** The lines that send the first event. */
export function linesFor(framework, url, key, isTyped) {
  if (framework.isHtml)
    return [`<script async src="${attribute(`${url}/lamplight.js`)}" data-key="${attribute(key)}" data-auto></script>`]
  const { prefix, value, imports } = framework
  const names = ['LAMPLIGHT_URL', 'LAMPLIGHT_KEY']
  const [urlText, keyText] = prefix ? names.map((name) => value(name, isTyped)) : [url, key].map(quoted)
  return [
    "import { init } from 'lamplight'",
    ...(imports ? [imports(names.map((name) => `${prefix}${name}`))] : []),
    `const lamplight = init({ url: ${urlText}, key: ${keyText} })`,
    "lamplight.track('hello', { from: 'my app' })",
  ]
}

/** A string of JavaScript. */
function quoted(text) {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}

function attribute(text) {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
}
