// The JavaScript that wasm-bindgen generated for a module, without what the package never needs.
// Pages download it, and some of it would run when the package is imported.

const PARTS = [
  // `encode` is as fast as a loop over the characters of a text, and the loop needs another way for
  // texts that are not ASCII.
  [
    /function passStringToWasm0\([\s\S]*?\n}/,
    `function passStringToWasm0(arg, malloc) {
    const bytes = encoder.encode(arg);
    const ptr = malloc(bytes.length, 1) >>> 0;
    getUint8ArrayMemory0().set(bytes, ptr);
    WASM_VECTOR_LEN = bytes.length;
    return ptr;
}`,
  ],
  // Test environments without these classes import the package, too.
  [/const cachedTextEncoder = .*/, ''],
  [/let cachedTextDecoder = .*\ncachedTextDecoder\.decode\(\);/, 'let cachedTextDecoder;'],
  [/let numBytesDecoded = 0;/, 'let numBytesDecoded = MAX_SAFARI_DECODE_BYTES;'],
  // A module is always compiled before. The translated one has no start function.
  [
    /function initSync\([\s\S]*?\n}/,
    `function initSync({ module } = {}) {
    if (wasm !== undefined) return;
    wasm = new WebAssembly.Instance(module, __wbg_get_imports()).exports;
    wasm.__wbindgen_start?.();
}`,
  ],
  // Memory that grows gets a new buffer.
  [/(cachedDataViewMemory0 === null) \|\| .*?(cachedDataViewMemory0\.buffer !== wasm\.memory\.buffer)\)*/, '$1 || $2)'],
  [/\(typeof FinalizationRegistry === 'undefined'\)\s*\? .*\s*: (?=new Fin)/, ''],
  // Shorter forms of the functions that the module imports.
  [/: function\(/g, '('],
  [/handleError\(function \((.*?)\) \{/g, 'handleError(($1) => {'],
]

/** The shortened source. `text` is the path of the module that exports the encoder. */
export function shortenGlue(source, text) {
  let short = source
  for (const [pattern, replacement] of PARTS) {
    if (short.search(pattern) < 0)
      throw new Error(`failed to find ${pattern} in wasm-bindgen's JavaScript: adapt glue.mjs`)
    short = short.replace(pattern, replacement)
  }
  return `import { encoder } from ${JSON.stringify(text)}\n${short}`
}
