package io.kvae

import android.content.res.AssetManager
import java.io.File

/** Copies a bundle from the app's assets, where it lies in `folder` or at their root; returns `target`. */
fun copyBundle(assets: AssetManager, folder: String, target: File): File {
    fun copy(name: String) {
        val file = File(target, name)
        file.parentFile?.mkdirs()
        assets.open(if (folder.isEmpty()) name else "$folder/$name").use { from ->
            file.outputStream().use { from.copyTo(it) }
        }
    }
    copy("SHA256SUMS")
    for (name in Bundle(target).names) copy(name)
    return target
}
