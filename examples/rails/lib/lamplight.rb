# frozen_string_literal: true

require "securerandom"
require "time"
require "lamplight/client"

# Events from the backend. Put `lib/` and `app/` of this example into yours.
module Lamplight
  # Keeps an event: it is in your job queue when this returns, and sent from there. Enqueue within the transaction that
  # makes it true, with a queue in the same database (Solid Queue, GoodJob), and neither can happen without the other.
  #
  # The id is made here, once, and travels with the job: however often the job runs, the server stores one row.
  #
  # name:: 1 to 200 bytes
  # properties:: whatever JSON can hold, at most 32 KiB
  # type:: "default" goes to sinks, "critical" stays in the table
  # at:: when it happened
  def self.track(name, properties = {}, user: nil, type: nil, at: Time.now)
    event = { "id" => SecureRandom.uuid, "name" => name, "ts" => (at.to_f * 1000).round, "properties" => properties }
    event["user"] = { "id" => user } if user
    event["type"] = type if type
    LamplightJob.perform_later([event])
    event["id"]
  end
end
