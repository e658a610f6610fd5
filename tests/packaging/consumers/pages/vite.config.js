import { defineConfig } from 'vite'

// Two pages instead of one; nothing about Lamplight.
export default defineConfig({ build: { rollupOptions: { input: ['inline.html', 'slim.html'] } } })
