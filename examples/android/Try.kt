import lamplight.Delivery
import lamplight.DeliveryResult
import lamplight.EventFiles
import java.io.File
import java.util.UUID

/** Runs the example without a phone: stores three events in a folder and delivers all in it. */
fun main(args: Array<String>) {
    val (url, key, folder) = args
    val events = EventFiles(File(folder))
    for (number in 1..3) {
        val (id, nowMs) = Pair(UUID.randomUUID().toString(), System.currentTimeMillis())
        events.add(id, nowMs, """{"id":"$id","name":"opened","ts":$nowMs,"properties":{"number":$number}}""")
    }
    when (val result = Delivery(events, url, key, ::println).run()) {
        is DeliveryResult.Done -> println("everything in $folder is on the server's disk")
        is DeliveryResult.Retry -> {
            val whenToRetry = result.afterSeconds?.let { "after $it s" } ?: "with backoff"
            println("not everything was delivered: retry $whenToRetry")
        }
    }
}
