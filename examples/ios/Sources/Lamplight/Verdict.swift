import Foundation

/// What an answer means for the batch that it answers.
enum Verdict: Equatable {
    /// It is on the server's disk.
    case taken
    /// The same bytes never work.
    case refused
    /// Nothing was kept; try again after so many seconds.
    case later(seconds: TimeInterval)

    static let retryAfterSecondsMax: TimeInterval = 3_600

    /// - Parameter tries: how often this batch has failed before.
    init(response: HTTPURLResponse?, body: Data, tries: Int) {
        let pause = TimeInterval.random(in: 1...min(60, pow(2, Double(min(tries, 6) + 1))))
        guard let response = response else {
            self = .later(seconds: pause)
            return
        }
        switch response.statusCode {
        case 200..<300:
            // A captive portal answers 200 as well.
            let answer = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any]
            self = answer?["status"] as? String == "OK" ? .taken : .later(seconds: pause)
        case 400, 413, 415:
            self = .refused
        case 401, 403:
            // A person must mend the key.
            self = .later(seconds: 60)
        default:
            let asked = response.value(forHTTPHeaderField: "Retry-After").flatMap(TimeInterval.init)
            self = .later(seconds: min(asked ?? pause, Self.retryAfterSecondsMax))
        }
    }
}
