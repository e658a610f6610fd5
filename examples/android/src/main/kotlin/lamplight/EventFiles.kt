package lamplight

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.util.Locale

/** Events that wait, one file each: nothing that is shared is ever read, changed and written back. */
class EventFiles(private val folder: File) {
    /**
     * Keeps an event's JSON text. When this returns, it is on the device's disk.
     *
     * Throws [IOException] when the disk is full, or [COUNT_MAX] events wait already.
     */
    fun add(id: String, nowMs: Long, json: String) {
        if (!folder.isDirectory && !folder.mkdirs()) throw IOException("failed to make $folder")
        if (folder.list().orEmpty().size >= COUNT_MAX) throw IOException("failed to keep event $id: $COUNT_MAX wait already")
        // Names sort by time.
        val name = String.format(Locale.ROOT, "%015d-%s", nowMs, id)
        val unfinished = File(folder, "$name.part")
        FileOutputStream(unfinished).use {
            it.write(json.toByteArray())
            it.fd.sync()
        }
        if (!unfinished.renameTo(File(folder, "$name.json"))) throw IOException("failed to keep event $id")
    }

    /** The oldest events, so many and so large together at most; one at least, if there is any. */
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
