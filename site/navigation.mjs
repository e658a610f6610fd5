// What the site consists of, in the order in which a newcomer needs it.

/** Groups of pages: `[file, title]`, with the path of the file in the repository. */
export const groups = [
  {
    title: 'Start',
    pages: [
      ['README.md', 'The first event'],
      ['docs/install.md', 'Installing'],
      ['npm/README.md', 'The package'],
      ['docs/frameworks.md', 'Frameworks'],
      ['docs/csp.md', 'Content Security Policy'],
      ['docs/consent-and-privacy.md', 'Consent and privacy'],
    ],
  },
  {
    title: 'Send',
    pages: [
      ['docs/ssr.md', 'Server-side rendering'],
      ['docs/workers.md', 'Workers'],
      ['docs/testing-your-events.md', 'Testing your events'],
      ['docs/http.md', 'Plain HTTP'],
      ['docs/migrating.md', 'Migrating'],
    ],
  },
  {
    title: 'See',
    pages: [
      ['docs/console.md', 'The console'],
      ['docs/reading.md', 'Querying the server'],
      ['docs/troubleshooting.md', 'Why is my event not there?'],
    ],
  },
  {
    title: 'Forward',
    pages: [['docs/sinks.md', 'Sinks']],
  },
  {
    title: 'Operate',
    pages: [
      ['docs/operate.md', 'Running the server'],
      ['docs/configuration.md', 'Configuration'],
      ['docs/metrics.md', 'Metrics'],
      ['docs/trends-and-alerts.md', 'Trends and alerts'],
      ['docs/backup.md', 'Backup'],
      ['docs/postgresql.md', 'PostgreSQL'],
      ['docs/jetstream.md', 'NATS JetStream'],
      ['docs/migrate.md', 'Moving to PostgreSQL'],
      ['docs/tls.md', 'TLS'],
      ['docs/several-servers.md', 'Several servers'],
      ['docs/shards.md', 'Several databases'],
      ['docs/moving-shards.md', 'Moving buckets'],
      ['docs/cluster.md', 'A cluster'],
      ['docs/scaling.md', 'Scaling'],
      ['docs/commands.md', 'Commands'],
      ['docs/proxies-and-blockers.md', 'Proxies and blockers'],
      ['SECURITY.md', 'Security'],
    ],
  },
  {
    title: 'Reference',
    pages: [
      ['docs/api/README.md', 'API of the package'],
      ['ARCHITECTURE.md', 'Architecture'],
      ['docs/benchmarks.md', 'Benchmarks'],
      ['CONTRIBUTING.md', 'Contributing'],
      ['docs/releasing.md', 'Releasing'],
      ['CHANGELOG.md', 'Changelog'],
    ],
  },
]

/** Files below this folder are pages, too. Each is reached from the folder's README. */
export const REFERENCE = 'docs/api'

/** The address of a page within the site, without its ending: `docs/http.md` is `http`. */
export function addressOf(file) {
  if (file === 'README.md') return 'index'
  if (file === 'npm/README.md') return 'package'
  return file
    .replace(/^docs\//, '')
    .replace(/(^|\/)README\.md$/, '$1index')
    .replace(/\.md$/, '')
    .replace(/^[A-Z]+$/, (name) => name.toLowerCase())
}
