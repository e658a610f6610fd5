import { fileURLToPath } from 'node:url'

// Four pages instead of one. Lamplight needs no configuration.
export default {
  mode: 'production',
  entry: {
    inline: './src/inline.js',
    slim: './src/slim.js',
    required: './src/required.cjs',
    worker: './src/worker.js',
  },
  output: { path: fileURLToPath(new URL('dist/webpack', import.meta.url)) },
  performance: false,
}
