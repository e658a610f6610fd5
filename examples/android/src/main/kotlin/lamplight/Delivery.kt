package lamplight

import java.io.File
import java.io.IOException
import java.net.HttpURLConnection
import java.net.URL

/** The result of a delivery. */
sealed class DeliveryResult {
    /** No events are left. */
    object Done : DeliveryResult()

    /** Events are left. Retry after this time, or with the platform's backoff if it is null. */
    data class Retry(val afterSeconds: Long?) : DeliveryResult()
}

/**
 * Posts stored events, oldest first, and deletes those that are on the server's disk. Does not use
 * Android.
 */
class Delivery(
    private val events: EventFiles,
    private val url: String,
    private val key: String,
    private val log: (String) -> Unit
) {
    /**
     * Sends until no events are left, or until it has to wait. Blocks. Safe to run again at any
     * time, because the server recognizes the ids of events it has stored.
     */
    fun run(): DeliveryResult {
        var count = BATCH_COUNT_MAX
        while (true) {
            val files = events.oldest(count, BATCH_BYTES_MAX)
            if (files.isEmpty()) return DeliveryResult.Done
            val answer = try {
                post(bodyOf(files))
            } catch (error: IOException) {
                return DeliveryResult.Retry(null)
            }
            when {
                answer.isStored -> {
                    files.forEach { it.delete() }
                    count = BATCH_COUNT_MAX
                }
                answer.isRejected && files.size > 1 -> count = (files.size + 1) / 2
                answer.isRejected -> {
                    log("dropped event ${files[0].name}: status ${answer.status}")
                    files[0].delete()
                    count = BATCH_COUNT_MAX
                }
                // The key is wrong, which needs a configuration change.
                answer.status == 401 || answer.status == 403 -> return DeliveryResult.Retry(60)
                else -> return DeliveryResult.Retry(answer.retryAfterSeconds)
            }
        }
    }

    private fun bodyOf(files: List<File>): ByteArray = files.joinToString(",", "[", "]") { it.readText() }.toByteArray()

    private fun post(body: ByteArray): Answer {
        val connection = URL("$url/v1/events").openConnection() as HttpURLConnection
        try {
            connection.requestMethod = "POST"
            connection.connectTimeout = TIMEOUT_MS
            connection.readTimeout = TIMEOUT_MS
            connection.instanceFollowRedirects = false
            connection.setRequestProperty("Authorization", "Bearer $key")
            connection.setRequestProperty("Content-Type", "application/json")
            connection.doOutput = true
            connection.setFixedLengthStreamingMode(body.size)
            connection.outputStream.use { it.write(body) }
            val status = connection.responseCode
            val stream = if (status < 400) connection.inputStream else connection.errorStream
            val text = stream?.use { it.readBytes().toString(Charsets.UTF_8) }.orEmpty()
            return Answer(status, text, connection.getHeaderField("Retry-After")?.toLongOrNull())
        } finally {
            connection.disconnect()
        }
    }

    private class Answer(val status: Int, text: String, retryAfter: Long?) {
        /** Whether the events are on disk. Checks the body: captive portals also answer 200. */
        val isStored = status in 200..299 && text.contains("\"status\":\"OK\"")

        /** Whether the same bytes will never be accepted. */
        val isRejected = status == 400 || status == 413 || status == 415

        val retryAfterSeconds = retryAfter?.coerceIn(0, RETRY_AFTER_SECONDS_MAX)
    }

    companion object {
        const val BATCH_COUNT_MAX = 500
        const val BATCH_BYTES_MAX = 900_000L
        const val TIMEOUT_MS = 30_000
        const val RETRY_AFTER_SECONDS_MAX = 3_600L
    }
}
