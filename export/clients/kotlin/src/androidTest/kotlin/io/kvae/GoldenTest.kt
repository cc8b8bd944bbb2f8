package io.kvae

import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import java.io.File
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith

/** On a device: the outputs are those of Keras. `gradle connectedAndroidTest -Pbundle=FOLDER` */
@RunWith(AndroidJUnit4::class)
class GoldenTest {
    @Test
    fun everySignatureSaysWhatKerasSays() {
        val instrumentation = InstrumentationRegistry.getInstrumentation()
        val target = File(instrumentation.targetContext.cacheDir, "bundle")
        val folder = copyBundle(instrumentation.context.assets, "", target)
        Model(folder, "float32", threads = 2).use { model ->
            // The tolerance of every client, docs/clients.md; sine and cosine are those of the device.
            for ((output, difference) in model.check())
                assertTrue("$output: $difference", difference < 1e-4)
        }
    }
}
