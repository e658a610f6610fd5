import Foundation

/// What the server's answer means for a batch.
enum DeliveryResult: Equatable {
    /// The batch is on the server's disk.
    case stored
    /// The same bytes will never be accepted.
    case rejected
    /// The server stored nothing. Send the batch again after this time.
    case retry(seconds: TimeInterval)

    static let retryAfterSecondsMax: TimeInterval = 3_600

    /// - Parameter attempts: how often this batch has failed before.
    init(response: HTTPURLResponse?, body: Data, attempts: Int) {
        // Exponential backoff with full jitter.
        let backoff = TimeInterval.random(in: 1...min(60, pow(2, Double(min(attempts, 6) + 1))))
        guard let response = response else {
            self = .retry(seconds: backoff)
            return
        }
        switch response.statusCode {
        case 200..<300:
            // Captive portals also answer 200.
            let answer = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any]
            self = answer?["status"] as? String == "OK" ? .stored : .retry(seconds: backoff)
        case 400, 413, 415:
            self = .rejected
        case 401, 403:
            // The key is wrong, which needs a configuration change.
            self = .retry(seconds: 60)
        default:
            let retryAfter = response.value(forHTTPHeaderField: "Retry-After").flatMap(TimeInterval.init)
            self = .retry(seconds: min(retryAfter ?? backoff, Self.retryAfterSecondsMax))
        }
    }
}
