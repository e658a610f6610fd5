# frozen_string_literal: true

require "json"
require "net/http"
require "uri"

module Lamplight
  # The server stored nothing, and the same request may succeed later.
  class RetryLater < StandardError
    # The server's Retry-After in seconds, if it sent one.
    attr_reader :retry_after_s

    def initialize(message, retry_after_s = nil)
      super(message)
      @retry_after_s = retry_after_s
    end

    # Seconds to wait before the next attempt: Retry-After, or exponential backoff with full jitter
    # from 1 s up to a bound that doubles from 2 s to 60 s.
    def wait_s(tries, random = Random)
      retry_after_s || 1 + random.rand([2**tries.clamp(1, 6), 60].min - 1.0)
    end
  end

  # The server rejected the key, which needs a configuration change. The events stay in the queue,
  # and the job retries once a minute.
  class KeyRejected < RetryLater
    def wait_s(*)
      60
    end
  end

  # The same bytes will never be accepted.
  class Rejected < StandardError; end

  # Sends one request: `POST /v1/logs` with a secret key.
  class Client
    TIMEOUT_S = 30
    RETRY_AFTER_S_MAX = 3600
    NETWORK_ERRORS = [SystemCallError, IOError, SocketError, Timeout::Error, OpenSSL::SSL::SSLError,
                      Net::ProtocolError, Net::HTTPBadResponse].freeze

    def initialize(url: ENV.fetch("LAMPLIGHT_URL"), key: ENV.fetch("LAMPLIGHT_SECRET_KEY"))
      @uri = URI.join(url, "/v1/logs")
      @key = key
    end

    # Returns when the server has the events on disk. Raises RetryLater, KeyRejected or Rejected if
    # the server stored none of them.
    def deliver(events)
      check(post(JSON.generate(events)))
    rescue *NETWORK_ERRORS => error
      raise RetryLater, "no answer: #{error.class}"
    end

    private

    def post(body)
      request = Net::HTTP::Post.new(@uri, "Authorization" => "Bearer #{@key}", "Content-Type" => "application/json")
      request.body = body
      Net::HTTP.start(@uri.host, @uri.port, use_ssl: @uri.scheme == "https", open_timeout: TIMEOUT_S,
                                            read_timeout: TIMEOUT_S, max_retries: 0) { |http| http.request(request) }
    end

    def check(response)
      case response.code.to_i
      when 200..299 then stored?(response.body) || raise(RetryLater, "a 2xx that is not from Lamplight")
      when 400, 413, 415 then raise Rejected, "#{response.code}: #{response.body.to_s[0, 200]}"
      when 401, 403 then raise KeyRejected, response.code
      else raise RetryLater.new(response.code, seconds(response["Retry-After"]))
      end
    end

    def stored?(body)
      JSON.parse(body)["status"] == "OK"
    rescue JSON::ParserError, NoMethodError, TypeError
      false
    end

    def seconds(text)
      Integer(text, 10).clamp(0, RETRY_AFTER_S_MAX) if text&.match?(/\A\d+\z/)
    end
  end
end
