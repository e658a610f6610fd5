import Foundation
import os

/// Sends events from an iOS app. Create one for the whole app when it starts.
///
/// A background session uploads batches from files. The system sends them even while the app is
/// suspended or not running, and launches the app to deliver the answers.
public final class Lamplight: NSObject {
    private static let log = Logger(subsystem: "lamplight", category: "delivery")

    private let endpoint: URL
    private let key: String
    private let files: EventFiles
    private let queue = OperationQueue()
    private var bodies: [Int: Data] = [:]
    private var isBatchDue = false
    private lazy var session = URLSession(configuration: configuration(), delegate: self, delegateQueue: queue)
    private var onEventsDone: (() -> Void)?

    /// - Parameter url: the server, such as `https://t.example.com`.
    public init(url: URL, key: String) throws {
        endpoint = url.appendingPathComponent("v1/events")
        self.key = key
        let support = try FileManager.default.url(
            for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
        files = try EventFiles(folder: support.appendingPathComponent("lamplight", isDirectory: true))
        super.init()
        // Serial, because only this queue touches the files and the retry counts.
        queue.maxConcurrentOperationCount = 1
        queue.addOperation { self.resume() }
    }

    /// Stores an event and sends it soon. When this returns, the event is in a file and survives
    /// the app. Its id is the idempotency key: however often the event is sent, the server stores
    /// one row.
    public func track(_ name: String, _ properties: [String: Any] = [:]) throws {
        let id = UUID().uuidString
        let nowMs = Int64(Date().timeIntervalSince1970 * 1_000)
        let event: [String: Any] = ["id": id, "name": name, "ts": nowMs, "properties": properties]
        guard JSONSerialization.isValidJSONObject(event) else { throw LamplightError.notJSON }
        try files.add(id: id, nowMs: nowMs, json: JSONSerialization.data(withJSONObject: event))
        queue.addOperation { self.sendSoon() }
    }

    /// Call this from `application(_:handleEventsForBackgroundURLSession:completionHandler:)`.
    public func handleEvents(completionHandler: @escaping () -> Void) {
        queue.addOperation { self.onEventsDone = completionHandler }
    }

    private func configuration() -> URLSessionConfiguration {
        let configuration = URLSessionConfiguration.background(withIdentifier: "lamplight")
        configuration.sessionSendsLaunchEvents = true
        configuration.isDiscretionary = false
        return configuration
    }

    /// Sends the batches of an earlier run that no upload task is sending.
    private func resume() {
        session.getAllTasks { tasks in
            self.queue.addOperation {
                let sending = Set(tasks.compactMap { Job($0.taskDescription)?.batch })
                for batch in (try? self.files.unanswered()) ?? [] where !sending.contains(batch.lastPathComponent) {
                    self.send(batch, attempts: 0, afterSeconds: 0)
                }
                self.sendSoon()
            }
        }
    }

    /// Waits a second, so that events tracked shortly after each other share a batch.
    private func sendSoon() {
        guard !isBatchDue else { return }
        isBatchDue = true
        DispatchQueue.global().asyncAfter(deadline: .now() + 1) {
            self.queue.addOperation {
                self.isBatchDue = false
                self.sendWaiting()
            }
        }
    }

    private func sendWaiting() {
        do {
            while let batch = try files.makeBatch() { send(batch, attempts: 0, afterSeconds: 0) }
        } catch {
            Self.log.error("failed to make a batch: \(error.localizedDescription)")
        }
    }

    private func send(_ batch: URL, attempts: Int, afterSeconds: TimeInterval) {
        var request = URLRequest(url: endpoint)
        request.httpMethod = "POST"
        request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization")
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        let task = session.uploadTask(with: request, fromFile: batch)
        // The task and its description outlive the app.
        task.taskDescription = Job(batch: batch.lastPathComponent, attempts: attempts).description
        if afterSeconds > 0 { task.earliestBeginDate = Date(timeIntervalSinceNow: afterSeconds) }
        task.resume()
    }
}

extension Lamplight: URLSessionDataDelegate {
    public func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        bodies[dataTask.taskIdentifier, default: Data()].append(data)
    }

    public func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: Error?) {
        let body = bodies.removeValue(forKey: task.taskIdentifier) ?? Data()
        guard let job = Job(task.taskDescription) else { return }
        let batch = files.batches.appendingPathComponent(job.batch)
        let response = error == nil ? task.response as? HTTPURLResponse : nil
        do {
            switch DeliveryResult(response: response, body: body, attempts: job.attempts) {
            case .stored:
                try FileManager.default.removeItem(at: batch)
            case .rejected:
                let halves = try files.halve(batch)
                if halves.isEmpty { Self.log.error("dropped an event: status \(response?.statusCode ?? 0)") }
                for half in halves { send(half, attempts: 0, afterSeconds: 0) }
            case .retry(let seconds):
                send(batch, attempts: job.attempts + 1, afterSeconds: seconds)
            }
        } catch {
            Self.log.error("failed to handle the answer to a batch: \(error.localizedDescription)")
        }
    }

    public func urlSessionDidFinishEvents(forBackgroundURLSession session: URLSession) {
        guard let done = onEventsDone else { return }
        onEventsDone = nil
        DispatchQueue.main.async(execute: done)
    }
}

/// The batch of an upload task, as the task's description: `<attempts> <batch>`.
struct Job: CustomStringConvertible {
    let batch: String
    let attempts: Int

    init(batch: String, attempts: Int) {
        self.batch = batch
        self.attempts = attempts
    }

    init?(_ text: String?) {
        guard let parts = text?.split(separator: " "), parts.count == 2, let attempts = Int(parts[0]) else { return nil }
        self.init(batch: String(parts[1]), attempts: attempts)
    }

    var description: String { "\(attempts) \(batch)" }
}

public enum LamplightError: Error {
    /// A property is not representable as JSON.
    case notJSON
}
