import { datadogLogs } from '@datadog/browser-logs'

export function start(url) {
  datadogLogs.init({
    clientToken: 'bench',
    site: 'datadoghq.eu',
    service: 'bench',
    proxy: `${url}/datadog`,
    forwardErrorsToLogs: false,
    telemetrySampleRate: 0,
  })
  return (name, properties) => datadogLogs.logger.info(name, properties)
}
