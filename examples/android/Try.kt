import lamplight.Delivery
import lamplight.EventFiles
import java.io.File
import java.util.UUID

/** Tries the example without a phone: keeps three events in a folder and delivers what is there. */
fun main(args: Array<String>) {
    val (url, key, folder) = args
    val events = EventFiles(File(folder))
    for (number in 1..3) {
        val (id, nowMs) = Pair(UUID.randomUUID().toString(), System.currentTimeMillis())
        events.add(id, nowMs, """{"id":"$id","name":"opened","ts":$nowMs,"properties":{"number":$number}}""")
    }
    when (val ending = Delivery(events, url, key, ::println).run()) {
        is lamplight.Ending.Done -> println("everything in $folder is on the server's disk")
        is lamplight.Ending.Later -> println("it must wait, seconds: ${ending.waitSeconds ?: "as the platform thinks fit"}")
    }
}
