# frozen_string_literal: true

# Sends the events that `Lamplight.track` enqueued. It is safe to run more than once for the same
# events, because the server recognizes their ids.
class LamplightJob < ActiveJob::Base
  queue_as :telemetry

  # Retries without limit: an event is dropped only when the server rejects it permanently.
  rescue_from(Lamplight::RetryLater) { |error| retry_job wait: error.wait_s(executions) }

  # Halves a rejected batch until the invalid event is alone, so that it does not block the others.
  rescue_from(Lamplight::Rejected) do |error|
    events = arguments.first
    if events.one?
      logger.error("Lamplight dropped event #{events.first["id"]}: #{error.message}")
    else
      events.each_slice((events.size + 1) / 2) { |half| self.class.perform_later(half) }
    end
  end

  def perform(events)
    Lamplight::Client.new.deliver(events)
  end
end
