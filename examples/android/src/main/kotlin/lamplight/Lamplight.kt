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

/** Sends events from an Android app. `track` writes a file, so call it from a background thread. */
object Lamplight {
    const val URL = "https://t.example.com"
    const val KEY = "wk_try_me_now"
    private const val WORK = "lamplight"

    /** Whether a delivery is scheduled that has not listed the files yet. */
    private val isScheduled = AtomicBoolean(false)

    fun files(context: Context) = EventFiles(File(context.noBackupFilesDir, "lamplight"))

    /**
     * Stores an event and schedules its delivery. When this returns, the event is on disk and
     * survives the app and a reboot. Its id is the idempotency key: however often the event is
     * sent, the server stores one row.
     *
     * Throws `IOException` if the event cannot be stored.
     */
    fun track(context: Context, name: String, properties: JSONObject = JSONObject()) {
        val id = UUID.randomUUID().toString()
        val nowMs = System.currentTimeMillis()
        val event = JSONObject().put("id", id).put("name", name).put("ts", nowMs).put("properties", properties)
        files(context).add(id, nowMs, event.toString())
        if (isScheduled.compareAndSet(false, true)) scheduleDelivery(context, 1)
    }

    /** Delivers after this delay, once there is a network. Also call it when the app starts. */
    fun scheduleDelivery(context: Context, afterSeconds: Long) {
        val request = OneTimeWorkRequestBuilder<SendWorker>()
            .setConstraints(Constraints.Builder().setRequiredNetworkType(NetworkType.CONNECTED).build())
            .setInitialDelay(afterSeconds, TimeUnit.SECONDS)
            .setBackoffCriteria(BackoffPolicy.EXPONENTIAL, 10, TimeUnit.SECONDS)
            .build()
        // Queued behind a running delivery, so that two never run at the same time.
        WorkManager.getInstance(context).enqueueUniqueWork(WORK, ExistingWorkPolicy.APPEND_OR_REPLACE, request)
    }

    /** The next event schedules another delivery, because the one that starts now may miss it. */
    fun deliveryStarted() = isScheduled.set(false)
}

class SendWorker(context: Context, parameters: WorkerParameters) : Worker(context, parameters) {
    override fun doWork(): Result {
        Lamplight.deliveryStarted()
        val files = Lamplight.files(applicationContext)
        val delivery = Delivery(files, Lamplight.URL, Lamplight.KEY) { android.util.Log.w("lamplight", it) }
        return when (val result = delivery.run()) {
            is DeliveryResult.Done -> Result.success()
            is DeliveryResult.Retry -> {
                val afterSeconds = result.afterSeconds ?: return Result.retry()
                Lamplight.scheduleDelivery(applicationContext, afterSeconds)
                Result.success()
            }
        }
    }
}
