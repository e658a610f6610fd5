# frozen_string_literal: true

require "json"
require "net/http"
require "uri"

module Lamplight
  # Nothing was kept, and the same request may work later.
  class Later < StandardError
    # Seconds that the server asked for, if it did.
    attr_reader :retry_after_s

    def initialize(message, retry_after_s = nil)
      super(message)
      @retry_after_s = retry_after_s
    end

    # Seconds to wait before the next try: as asked, or a random number up to a bound that doubles from 2 s to 60 s.
    def wait_s(tries, random = Random)
      retry_after_s || 1 + random.rand([2**tries.clamp(1, 6), 60].min - 1.0)
    end
  end

  # A person must mend it: the key or the address is wrong. Kept, and tried once a minute.
  class KeyRefused < Later
    def wait_s(*)
      60
    end
  end

  # The same bytes never work.
  class Refused < StandardError; end

  # One request: `POST /v1/logs` with a secret key.
  class Client
    TIMEOUT_S = 30
    RETRY_AFTER_S_MAX = 3600
    NETWORK = [SystemCallError, IOError, SocketError, Timeout::Error, OpenSSL::SSL::SSLError, Net::ProtocolError,
               Net::HTTPBadResponse].freeze

    def initialize(url: ENV.fetch("LAMPLIGHT_URL"), key: ENV.fetch("LAMPLIGHT_SECRET_KEY"))
      @uri = URI.join(url, "/v1/logs")
      @key = key
    end

    # Returns when the server has the events on its disk. Raises Later, KeyRefused or Refused; then it kept none.
    def deliver(events)
      judge(post(JSON.generate(events)))
    rescue *NETWORK => error
      raise Later, "no answer: #{error.class}"
    end

    private

    def post(body)
      request = Net::HTTP::Post.new(@uri, "Authorization" => "Bearer #{@key}", "Content-Type" => "application/json")
      request.body = body
      Net::HTTP.start(@uri.host, @uri.port, use_ssl: @uri.scheme == "https", open_timeout: TIMEOUT_S,
                                            read_timeout: TIMEOUT_S, max_retries: 0) { |http| http.request(request) }
    end

    def judge(answer)
      case answer.code.to_i
      when 200..299 then taken?(answer.body) || raise(Later, "a 2xx that is not the server's")
      when 400, 413, 415 then raise Refused, "#{answer.code}: #{answer.body.to_s[0, 200]}"
      when 401, 403 then raise KeyRefused, answer.code
      else raise Later.new(answer.code, seconds(answer["Retry-After"]))
      end
    end

    def taken?(body)
      JSON.parse(body)["status"] == "OK"
    rescue JSON::ParserError, NoMethodError, TypeError
      false
    end

    def seconds(text)
      Integer(text, 10).clamp(0, RETRY_AFTER_S_MAX) if text&.match?(/\A\d+\z/)
    end
  end
end
