import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// Lamplight needs no configuration.
export default defineConfig({ plugins: [react()] })
