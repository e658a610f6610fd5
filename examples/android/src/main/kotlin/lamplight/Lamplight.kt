package lamplight

import android.content.Context
import androidx.work.BackoffPolicy
import androidx.work.Constraints
import androidx.work.ExistingWorkPolicy
import androidx.work.NetworkType
import androidx.work.OneTimeWorkRequestBuilder
import androidx.work.WorkManager
import androidx.work.Worker
import androidx.work.WorkerParameters
import org.json.JSONObject
import java.io.File
import java.util.UUID
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicBoolean

/** Events from an Android app. Call from a background thread: `track` writes a file. */
object Lamplight {
    const val URL = "https://t.example.com"
    const val KEY = "wk_try_me_now"
    private const val WORK = "lamplight"

    /** Whether a delivery was asked for that has not looked at the files yet. */
    private val isAsked = AtomicBoolean(false)

    fun files(context: Context) = EventFiles(File(context.noBackupFilesDir, "lamplight"))

    /**
     * Keeps an event and asks for its delivery. When this returns, it is on the device's disk; it survives the app and a restart.
     * Its id is made here, once, so however often it is sent, the server stores one row.
     *
     * Throws `IOException` when it cannot be kept.
     */
    fun track(context: Context, name: String, properties: JSONObject = JSONObject()) {
        val id = UUID.randomUUID().toString()
        val nowMs = System.currentTimeMillis()
        val event = JSONObject().put("id", id).put("name", name).put("ts", nowMs).put("properties", properties)
        files(context).add(id, nowMs, event.toString())
        if (isAsked.compareAndSet(false, true)) ask(context, 1)
    }

    /** Delivers after so many seconds, once there is a network. Call it at the start of the app as well. */
    fun ask(context: Context, afterSeconds: Long) {
        val request = OneTimeWorkRequestBuilder<SendWorker>()
            .setConstraints(Constraints.Builder().setRequiredNetworkType(NetworkType.CONNECTED).build())
            .setInitialDelay(afterSeconds, TimeUnit.SECONDS)
            .setBackoffCriteria(BackoffPolicy.EXPONENTIAL, 10, TimeUnit.SECONDS)
            .build()
        // After the one that runs, never beside it.
        WorkManager.getInstance(context).enqueueUniqueWork(WORK, ExistingWorkPolicy.APPEND_OR_REPLACE, request)
    }

    /** From now on an event asks anew: the delivery that begins may not see it any more. */
    fun answered() = isAsked.set(false)
}

class SendWorker(context: Context, parameters: WorkerParameters) : Worker(context, parameters) {
    override fun doWork(): Result {
        Lamplight.answered()
        val delivery = Delivery(Lamplight.files(applicationContext), Lamplight.URL, Lamplight.KEY) { android.util.Log.w("lamplight", it) }
        return when (val ending = delivery.run()) {
            is Ending.Done -> Result.success()
            is Ending.Later -> {
                val waitSeconds = ending.waitSeconds ?: return Result.retry()
                Lamplight.ask(applicationContext, waitSeconds)
                Result.success()
            }
        }
    }
}
