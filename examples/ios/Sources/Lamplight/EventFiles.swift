import Foundation

/// Queued events, one file each, and batches, which are the request bodies. Names sort by time.
struct EventFiles {
    static let countMax = 10_000
    static let batchCountMax = 500
    static let batchBytesMax = 900_000

    let events: URL
    let batches: URL

    init(folder: URL) throws {
        events = folder.appendingPathComponent("events", isDirectory: true)
        batches = folder.appendingPathComponent("batches", isDirectory: true)
        for each in [events, batches] {
            try FileManager.default.createDirectory(at: each, withIntermediateDirectories: true)
        }
    }

    /// Stores an event's JSON text. When this returns, it is in a file of its own.
    func add(id: String, nowMs: Int64, json: Data) throws {
        guard try waiting().count < Self.countMax else { throw EventFilesError.full }
        let name = String(format: "%015lld-%@.json", nowMs, id)
        try json.write(to: events.appendingPathComponent(name), options: .atomic)
    }

    /// Makes a batch of the oldest events. `nil` if there are none.
    ///
    /// The batch is complete before the first event's file is deleted. A crash between the two
    /// leaves events in both places. They are sent twice, and the server stores one row per id.
    func makeBatch() throws -> URL? {
        var taken: [URL] = []
        var texts: [Data] = []
        var bytes = 0
        for file in try waiting().prefix(Self.batchCountMax) {
            let text = try Data(contentsOf: file)
            bytes += text.count + 1
            if !taken.isEmpty && bytes > Self.batchBytesMax { break }
            taken.append(file)
            texts.append(text)
        }
        guard !taken.isEmpty else { return nil }
        let batch = try write(texts)
        for file in taken { try FileManager.default.removeItem(at: file) }
        return batch
    }

    /// Replaces a rejected batch by two with half of its events each. Empty if the batch has a
    /// single event, which is dropped.
    func halve(_ batch: URL) throws -> [URL] {
        let parsed = (try? JSONSerialization.jsonObject(with: Data(contentsOf: batch))) as? [[String: Any]]
        let all = try (parsed ?? []).map { try JSONSerialization.data(withJSONObject: $0) }
        var halves: [URL] = []
        if all.count > 1 {
            let middle = all.count / 2
            halves = [try write(Array(all[..<middle])), try write(Array(all[middle...]))]
        }
        try FileManager.default.removeItem(at: batch)
        return halves
    }

    /// The batches without an answer.
    func unanswered() throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: batches, includingPropertiesForKeys: nil)
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
    }

    private func waiting() throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: events, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "json" }
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
    }

    private func write(_ texts: [Data]) throws -> URL {
        var body = Data("[".utf8)
        for (index, text) in texts.enumerated() {
            if index > 0 { body.append(contentsOf: Data(",".utf8)) }
            body.append(text)
        }
        body.append(contentsOf: Data("]".utf8))
        let batch = batches.appendingPathComponent("\(UUID().uuidString).json")
        try body.write(to: batch, options: .atomic)
        return batch
    }
}

enum EventFilesError: Error {
    /// `EventFiles.countMax` events are already queued.
    case full
}
