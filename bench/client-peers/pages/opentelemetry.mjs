import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'

export function start(url) {
  const exporter = new OTLPLogExporter({ url: `${url}/v1/logs` })
  const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter })] })
  const logger = provider.getLogger('bench')
  return (eventName, attributes) => logger.emit({ eventName, attributes })
}
