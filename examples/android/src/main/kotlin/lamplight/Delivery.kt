package lamplight

import java.io.File
import java.io.IOException
import java.net.HttpURLConnection
import java.net.URL

/** How a delivery ended. */
sealed class Ending {
    /** Nothing waits any more. */
    object Done : Ending()

    /** Something waits still. Try again after so many seconds, or, if there are none, when the platform thinks fit. */
    data class Later(val waitSeconds: Long?) : Ending()
}

/** Posts what waits, oldest first, and removes what the server has on its disk. Has no Android in it. */
class Delivery(
    private val events: EventFiles,
    private val url: String,
    private val key: String,
    private val log: (String) -> Unit
) {
    /** Sends until nothing waits, or until it must wait. Blocks. May run again at any time: ids make repeats harmless. */
    fun run(): Ending {
        var count = BATCH_COUNT_MAX
        while (true) {
            val files = events.oldest(count, BATCH_BYTES_MAX)
            if (files.isEmpty()) return Ending.Done
            val answer = try {
                post(bodyOf(files))
            } catch (error: IOException) {
                return Ending.Later(null)
            }
            when {
                answer.isTaken -> {
                    files.forEach { it.delete() }
                    count = BATCH_COUNT_MAX
                }
                answer.isRefused && files.size > 1 -> count = (files.size + 1) / 2
                answer.isRefused -> {
                    log("gave up event ${files[0].name}: ${answer.status}")
                    files[0].delete()
                    count = BATCH_COUNT_MAX
                }
                // A person must mend the key.
                answer.status == 401 || answer.status == 403 -> return Ending.Later(60)
                else -> return Ending.Later(answer.retryAfterSeconds)
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
        /** A captive portal answers 200 as well. */
        val isTaken = status in 200..299 && text.contains("\"status\":\"OK\"")

        /** The same bytes never work. */
        val isRefused = status == 400 || status == 413 || status == 415

        val retryAfterSeconds = retryAfter?.coerceIn(0, RETRY_AFTER_SECONDS_MAX)
    }

    companion object {
        const val BATCH_COUNT_MAX = 500
        const val BATCH_BYTES_MAX = 900_000L
        const val TIMEOUT_MS = 30_000
        const val RETRY_AFTER_SECONDS_MAX = 3_600L
    }
}
