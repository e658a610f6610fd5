import type { NextConfig } from 'next'

// Nothing about Lamplight: it needs no configuration.
const config: NextConfig = {}

export default config
