# frozen_string_literal: true

require "securerandom"
require "time"
require "lamplight/client"

# Sends events from your backend. Copy `lib/` and `app/` of this example into your app.
module Lamplight
  # Enqueues an event. When this returns, the event is in your job queue, which sends it. If the
  # queue is in your app's database (Solid Queue, GoodJob), call this inside the transaction that
  # the event reports: then both are committed, or neither is.
  #
  # The id is the idempotency key. It is created here, once, and stored in the job's arguments, so
  # the server stores one row however often the job runs.
  #
  # name:: 1 to 200 bytes
  # properties:: anything that JSON can represent, at most 32 KiB
  # type:: by default sinks receive "default" events, and "critical" events stay in the events table
  # at:: when the event happened
  def self.track(name, properties = {}, user: nil, type: nil, at: Time.now)
    event = { "id" => SecureRandom.uuid, "name" => name, "ts" => (at.to_f * 1000).round, "properties" => properties }
    event["user"] = { "id" => user } if user
    event["type"] = type if type
    LamplightJob.perform_later([event])
    event["id"]
  end
end
