// Modules that the build provides: the JavaScript that wasm-bindgen generated for the WebAssembly
// modules, and their bytes.

declare module 'lamplight:wasm' {
  /** The first client's module, encoded as text: see `decodeModule`. */
  const bytes: string
  export default bytes
}

declare module 'lamplight:full-wasm' {
  export { default } from 'lamplight:wasm'
}

declare module 'lamplight:decoder' {
  export { default } from 'lamplight:wasm'
}
