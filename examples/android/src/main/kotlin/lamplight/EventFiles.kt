package lamplight

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.util.Locale

/** Queued events, one file each, so that no shared file is ever modified. */
class EventFiles(private val folder: File) {
    /**
     * Stores an event's JSON text. When this returns, the event is synced to disk.
     *
     * Throws [IOException] if the disk is full, or if [COUNT_MAX] events are already queued.
     */
    fun add(id: String, nowMs: Long, json: String) {
        if (!folder.isDirectory && !folder.mkdirs()) throw IOException("failed to create $folder")
        if (folder.list().orEmpty().size >= COUNT_MAX) {
            throw IOException("failed to store event $id: $COUNT_MAX events are already queued")
        }
        // Names sort by time.
        val name = String.format(Locale.ROOT, "%015d-%s", nowMs, id)
        val unfinished = File(folder, "$name.part")
        FileOutputStream(unfinished).use {
            it.write(json.toByteArray())
            it.fd.sync()
        }
        if (!unfinished.renameTo(File(folder, "$name.json"))) throw IOException("failed to store event $id")
    }

    /**
     * The oldest events, at most [countMax] events and [bytesMax] bytes. If there is any event, the
     * list has at least one.
     */
    fun oldest(countMax: Int, bytesMax: Long): List<File> {
        var bytes = 0L
        val all = folder.listFiles().orEmpty().filter { it.extension == "json" }.sortedBy { it.name }
        return all.take(countMax).filterIndexed { index, file ->
            bytes += file.length() + 1
            index == 0 || bytes <= bytesMax
        }
    }

    companion object {
        const val COUNT_MAX = 10_000
    }
}
