// The tag that the page's script came by; there is none where there is no page.
const found =
  typeof document === 'undefined'
    ? undefined
    : (document.currentScript ?? document.querySelector('script[src][data-key]'))

export const tag = found && found instanceof HTMLScriptElement ? found : undefined

/**
 * Where the script lies, and the rest of it beside it. `import('./…')` does not know: a script of another origin that was not
 * asked for by CORS has no address of its own (HTML standard, "creating a classic script", muted errors).
 */
export const address = tag?.src
