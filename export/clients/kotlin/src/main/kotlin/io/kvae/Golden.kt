package io.kvae

import java.io.ByteArrayInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.ZipInputStream

/** An array of golden.npz: its rows one after the other. */
internal class Rows(val count: Int, val values: DoubleArray)

/** The golden vectors of a bundle by `inputs/SIGNATURE/INPUT` and `expected/SIGNATURE/OUTPUT`. */
internal fun readGolden(content: ByteArray): Map<String, Rows> {
    val arrays = mutableMapOf<String, Rows>()
    ZipInputStream(ByteArrayInputStream(content)).use { archive ->
        while (true) {
            val entry = archive.nextEntry ?: break
            arrays[entry.name.removeSuffix(".npy")] = readArray(archive.readBytes())
        }
    }
    return arrays
}

/** Reads an .npy file of version 1.0, little-endian and in C order. */
private fun readArray(content: ByteArray): Rows {
    val bytes = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN)
    if (content.size < 10 || bytes.getShort(6).toInt() != 1) throw damaged()
    val start = 10 + (bytes.getShort(8).toInt() and 0xffff)
    val header = String(content, 10, start - 10, Charsets.US_ASCII)
    val type = Regex("'descr': '([^']*)'").find(header)?.groupValues?.get(1)
    val count = Regex("'shape': \\(([0-9]+)").find(header)?.groupValues?.get(1)?.toInt()
    bytes.position(start)
    val read: () -> Double = when (type) {
        "<f4" -> ({ bytes.getFloat().toDouble() })
        "<i4" -> ({ bytes.getInt().toDouble() })
        "|u1" -> ({ (bytes.get().toInt() and 0xff).toDouble() })
        else -> throw damaged()
    }
    val size = bytes.remaining() / if (type == "|u1") 1 else 4
    return Rows(count ?: throw damaged(), DoubleArray(size) { read() })
}

private fun damaged() = BundleException("golden.npz is damaged")
