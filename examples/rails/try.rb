# frozen_string_literal: true

# Runs the example without a Rails app: Active Job in this process sends three events, and the
# script waits until the server has answered all of them.

$LOAD_PATH.unshift(File.join(__dir__, "lib"))

require "active_job"
require "lamplight"
require_relative "app/jobs/lamplight_job"

ActiveJob::Base.queue_adapter = :async
ActiveJob::Base.logger = Logger.new(File::NULL)

done = Queue.new
LamplightJob.after_perform { |job| job.arguments.first.each { |event| done << event["id"] } }

ids = [
  Lamplight.track("signed_up", { plan: "pro" }, user: "u7"),
  Lamplight.track("order_paid", { total: 25.5 }, user: "u7", type: "critical"),
  Lamplight.track("receipt_mailed", { order: 1042 }, at: Time.now - 5)
]
ids.size.times { done.pop }
puts "#{ids.size} events are on the server's disk"
