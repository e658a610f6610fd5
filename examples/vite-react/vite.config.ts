import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// Nothing about Lamplight: it needs no configuration.
export default defineConfig({ plugins: [react()] })
