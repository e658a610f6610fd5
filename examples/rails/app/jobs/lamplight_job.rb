# frozen_string_literal: true

# Sends events that `Lamplight.track` made. It may run more than once for the same events; their ids make that harmless.
class LamplightJob < ActiveJob::Base
  queue_as :telemetry

  # For as long as it takes: an event is given up only when the server says that it never works.
  rescue_from(Lamplight::Later) { |error| retry_job wait: error.wait_s(executions) }

  # One broken event must not take others with it: halve until it stands alone.
  rescue_from(Lamplight::Refused) do |error|
    events = arguments.first
    if events.one?
      logger.error("Lamplight gave up event #{events.first["id"]}: #{error.message}")
    else
      events.each_slice((events.size + 1) / 2) { |half| self.class.perform_later(half) }
    end
  end

  def perform(events)
    Lamplight::Client.new.deliver(events)
  end
end
