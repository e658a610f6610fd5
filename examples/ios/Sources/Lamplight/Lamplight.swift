import Foundation
import os

/// Events from an iOS app. One for the whole app, made when it starts.
///
/// Batches are uploaded from files by a background session: the system sends them, also while the app is suspended or gone, and
/// starts the app again to tell the answers.
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
        let support = try FileManager.default.url(for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
        files = try EventFiles(folder: support.appendingPathComponent("lamplight", isDirectory: true))
        super.init()
        // One thing at a time: files and tries are touched by this queue alone.
        queue.maxConcurrentOperationCount = 1
        queue.addOperation { self.resume() }
    }

    /// Keeps an event and sends it soon. When this returns, it is in a file and survives the app.
    /// Its id is made here, once, so however often it is sent, the server stores one row.
    public func track(_ name: String, _ properties: [String: Any] = [:]) throws {
        let id = UUID().uuidString
        let nowMs = Int64(Date().timeIntervalSince1970 * 1_000)
        let event: [String: Any] = ["id": id, "name": name, "ts": nowMs, "properties": properties]
        guard JSONSerialization.isValidJSONObject(event) else { throw LamplightError.notJSON }
        try files.add(id: id, nowMs: nowMs, json: JSONSerialization.data(withJSONObject: event))
        queue.addOperation { self.sendSoon() }
    }

    /// Call it from `application(_:handleEventsForBackgroundURLSession:completionHandler:)`.
    public func handleEvents(completionHandler: @escaping () -> Void) {
        queue.addOperation { self.onEventsDone = completionHandler }
    }

    private func configuration() -> URLSessionConfiguration {
        let configuration = URLSessionConfiguration.background(withIdentifier: "lamplight")
        configuration.sessionSendsLaunchEvents = true
        configuration.isDiscretionary = false
        return configuration
    }

    /// After a start: batches that no task is sending any more are sent again.
    private func resume() {
        session.getAllTasks { tasks in
            self.queue.addOperation {
                let sending = Set(tasks.compactMap { Job($0.taskDescription)?.batch })
                for batch in (try? self.files.unanswered()) ?? [] where !sending.contains(batch.lastPathComponent) {
                    self.send(batch, tries: 0, afterSeconds: 0)
                }
                self.sendSoon()
            }
        }
    }

    /// Events that come within a second go together.
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
            while let batch = try files.makeBatch() { send(batch, tries: 0, afterSeconds: 0) }
        } catch {
            Self.log.error("failed to make a batch: \(error.localizedDescription)")
        }
    }

    private func send(_ batch: URL, tries: Int, afterSeconds: TimeInterval) {
        var request = URLRequest(url: endpoint)
        request.httpMethod = "POST"
        request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization")
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        let task = session.uploadTask(with: request, fromFile: batch)
        // The task outlives the app, and this description with it.
        task.taskDescription = Job(batch: batch.lastPathComponent, tries: tries).description
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
            switch Verdict(response: response, body: body, tries: job.tries) {
            case .taken:
                try FileManager.default.removeItem(at: batch)
            case .refused:
                let halves = try files.halve(batch)
                if halves.isEmpty { Self.log.error("gave up an event: \(response?.statusCode ?? 0)") }
                for half in halves { send(half, tries: 0, afterSeconds: 0) }
            case .later(let seconds):
                send(batch, tries: job.tries + 1, afterSeconds: seconds)
            }
        } catch {
            Self.log.error("failed to settle a batch: \(error.localizedDescription)")
        }
    }

    public func urlSessionDidFinishEvents(forBackgroundURLSession session: URLSession) {
        guard let done = onEventsDone else { return }
        onEventsDone = nil
        DispatchQueue.main.async(execute: done)
    }
}

/// What a task is for, as text that lasts as long as the task: `<tries> <batch>`.
struct Job: CustomStringConvertible {
    let batch: String
    let tries: Int

    init(batch: String, tries: Int) {
        self.batch = batch
        self.tries = tries
    }

    init?(_ text: String?) {
        guard let parts = text?.split(separator: " "), parts.count == 2, let tries = Int(parts[0]) else { return nil }
        self.init(batch: String(parts[1]), tries: tries)
    }

    var description: String { "\(tries) \(batch)" }
}

public enum LamplightError: Error {
    /// A property is something that JSON cannot hold.
    case notJSON
}
