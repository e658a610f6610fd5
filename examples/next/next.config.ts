import type { NextConfig } from 'next'

// Lamplight needs no configuration.
const config: NextConfig = {}

export default config
