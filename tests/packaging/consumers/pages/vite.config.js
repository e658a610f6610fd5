import { defineConfig } from 'vite'

// Two pages instead of one. Lamplight needs no configuration.
export default defineConfig({ build: { rollupOptions: { input: ['inline.html', 'slim.html'] } } })
