// The tag that loaded this script; undefined where there is no page.
const found =
  typeof document === 'undefined'
    ? undefined
    : (document.currentScript ?? document.querySelector('script[src][data-key]'))

export const tag = found && found instanceof HTMLScriptElement ? found : undefined

/**
 * The address of the script; its chunks are next to it. `import('./…')` cannot find them: a classic
 * script from another origin, loaded without CORS, has no base address (HTML standard, "creating a
 * classic script", muted errors).
 */
export const address = tag?.src
