package io.kvae

import java.io.File
import java.security.MessageDigest

/** A bundle that is damaged, incomplete or not a bundle at all. */
class BundleException(message: String) : Exception(message)

/** The files of a bundle. The digest of a file is compared before anything of it is used. */
internal class Bundle(private val folder: File) {
    private val digests: Map<String, String>

    init {
        val sums = File(folder, "SHA256SUMS")
        if (!sums.isFile) throw BundleException("$folder holds no SHA256SUMS: it is not a bundle")
        digests = sums.readText().lines().filter { it.isNotEmpty() }.associate { line ->
            val (digest, name) = LINE.matchEntire(line)?.destructured
                ?: throw BundleException("SHA256SUMS is damaged")
            if (name.split('/').any { it == "." || it == ".." })
                throw BundleException("SHA256SUMS is damaged")
            name to digest
        }
    }

    val names: Set<String>
        get() = digests.keys

    operator fun contains(name: String): Boolean = name in digests

    fun read(name: String): ByteArray {
        val expected = digests[name] ?: throw BundleException("the bundle holds no $name")
        val file = File(folder, name)
        if (!file.isFile) throw BundleException("$name is missing from the bundle")
        val content = file.readBytes()
        val digest = MessageDigest.getInstance("SHA-256").digest(content)
        if (digest.joinToString("") { "%02x".format(it) } != expected)
            throw BundleException("$name was altered since the bundle was made")
        return content
    }

    fun text(name: String): String = read(name).toString(Charsets.UTF_8)

    private companion object {
        val LINE = Regex("([0-9a-f]{64}) {2}([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)")
    }
}

/** The fields of each line of a table, of which each has to have `count`. */
internal fun lines(name: String, text: String, count: Int): List<List<String>> =
    text.lines().dropLastWhile { it.isEmpty() }.map { line ->
        line.split('\t').also { if (it.size != count) throw BundleException("$name is damaged") }
    }
