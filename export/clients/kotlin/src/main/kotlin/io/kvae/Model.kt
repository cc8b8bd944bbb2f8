package io.kvae

import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.LiteRtException
import com.google.ai.edge.litert.TensorBuffer
import java.io.File
import kotlin.math.abs
import org.json.JSONObject

/**
 * The model of a bundle (docs/bundle.md): it encodes, decodes, scores, detects and samples.
 *
 * Numbers are Double, which holds every float32, int32 and uint8 number exactly; rows stand one after
 * the other in an array. It may be called from several threads, which take turns. Close it when it is
 * no longer used.
 *
 * @param folder the bundle, as files; `copyBundle` copies it out of the app's assets.
 * @param preset which file runs; by default the one that the manifest names.
 * @param threads threads that LiteRT may use on the CPU.
 * @param gpu run on the GPU, and on the CPU what the GPU lacks. Its digits differ from those that the
 *   thresholds were made from: verify with `check` on the device.
 * @throws BundleException if the bundle is damaged or has no such preset.
 */
class Model(folder: File, preset: String? = null, threads: Int = 1, gpu: Boolean = false) :
    AutoCloseable {
    private class Port(val size: Int, val type: String)

    private class Signature(val inputs: Map<String, Port>, val outputs: Map<String, Port>)

    private val bundle = Bundle(folder)
    private val manifest = JSONObject(bundle.text("manifest.json"))
    private val artefact = artefactOf(preset ?: manifest.getString("default_preset"))
    private val file = artefact.getString("file")
    private val served = signaturesOf(artefact.getJSONObject("signatures"))
    private val signatures = // those that train included
        served + artefact.optJSONObject("training")?.let { signaturesOf(it.getJSONObject("signatures")) }
            .orEmpty()
    private val decoded = manifest.getJSONObject("model").getString("decoded")
    private val domain = Domain(bundle.text("domain.tsv"))
    private val thresholds =
        if ("decision.tsv" in bundle) Thresholds.of(file, bundle.text("decision.tsv")) else null
    private val model: CompiledModel

    init {
        bundle.read(file) // compares its digest
        val accelerators = if (gpu) setOf(Accelerator.GPU, Accelerator.CPU) else setOf(Accelerator.CPU)
        val options = CompiledModel.Options(accelerators)
        options.cpuOptions = CompiledModel.CpuOptions(numThreads = threads)
        if (gpu)
            options.gpuOptions =
                CompiledModel.GpuOptions(precision = CompiledModel.GpuOptions.Precision.FP32)
        model = CompiledModel.create(File(folder, file).path, options)
    }

    /**
     * Runs a signature on rows, or once where it has no inputs; returns its outputs by name. Of two
     * outputs that are one tensor of the file, such as mean and loc of a normal likelihood, LiteRT has
     * one.
     *
     * @throws IllegalArgumentException if there is no such signature, an input is missing or unknown,
     *   or its numbers are outside their domain. NaN is valid where elements may be missing.
     * @throws ArithmeticException if an output is NaN or infinite.
     */
    @Synchronized
    fun run(signature: String, inputs: Map<String, DoubleArray>): Map<String, DoubleArray> {
        val described = requireNotNull(signatures[signature]) {
            "Expected signature to be one of ${signatures.keys.sorted()}. Received: $signature"
        }
        require(inputs.keys == described.inputs.keys) {
            "Expected the inputs ${described.inputs.keys.sorted()}. Received: ${inputs.keys.sorted()}"
        }
        val rows = inputs.map { (name, values) -> rowsOf(name, described.inputs.getValue(name), values) }
        require(rows.toSet().size <= 1) { "Expected inputs with the same number of rows" }
        val count = rows.firstOrNull() ?: 1
        val found = mutableMapOf<String, DoubleArray>()
        val sources = mutableMapOf<String, TensorBuffer>()
        val targets = mutableMapOf<String, TensorBuffer>()
        try {
            for (name in described.inputs.keys) sources[name] = model.createInputBuffer(name, signature)
            for ((name, port) in described.outputs) {
                targets[name] = outputBuffer(name, signature) ?: continue
                found[name] = DoubleArray(count * port.size)
            }
            for (row in 0 until count) {
                for ((name, port) in described.inputs)
                    write(sources.getValue(name), port, inputs.getValue(name), row)
                model.run(sources, targets, signature)
                for ((name, values) in found)
                    read(targets.getValue(name), described.outputs.getValue(name), values, row)
            }
        } finally {
            (sources.values + targets.values).forEach { it.close() }
        }
        for ((name, values) in found)
            if (values.any { it.isNaN() || it.isInfinite() })
                throw ArithmeticException("The output $name of $signature is NaN or infinite")
        return found
    }

    /** The likelihood's mean at rows of the latent vector. */
    fun decode(z: DoubleArray, others: Map<String, DoubleArray> = mapOf()): DoubleArray =
        run("decode", others + ("z" to z)).getValue(decoded)

    /** What the model makes of rows. */
    fun reconstruct(x: DoubleArray, others: Map<String, DoubleArray> = mapOf()): DoubleArray =
        run("reconstruct", others + ("x" to x)).getValue(decoded)

    /** Decoded draws from the prior: rows 0 to n - 1 of a seed, the same on every device. */
    fun sample(n: Int, seed: Int, others: Map<String, DoubleArray> = mapOf()): DoubleArray {
        val seeds = DoubleArray(2 * n) { if (it % 2 == 0) it / 2.0 else seed.toDouble() }
        return run("sample", others + ("seed" to seeds)).getValue(decoded)
    }

    /** The anomaly score of each row in nats. */
    fun score(x: DoubleArray, others: Map<String, DoubleArray> = mapOf()): DoubleArray =
        run("score", others + ("x" to x)).getValue("score")

    /**
     * Score, p-value and decision of each row (docs/anomaly.md).
     *
     * @throws IllegalStateException if the bundle was written without calibration rows.
     */
    fun detect(x: DoubleArray, others: Map<String, DoubleArray> = mapOf()): List<Decision> {
        val limits = checkNotNull(thresholds) {
            "Expected a bundle with thresholds, written with calibration rows"
        }
        return score(x, others).map { limits.decide(it.toFloat()) }
    }

    /**
     * Runs the golden vectors; returns by SIGNATURE/OUTPUT the greatest difference from Keras, divided
     * by the greatest expected value if that is above 1. In float32 it is about 1e-6.
     */
    fun check(): Map<String, Double> {
        val golden = readGolden(bundle.read("golden.npz"))
        val differences = mutableMapOf<String, Double>()
        for ((signature, described) in served) {
            val inputs = described.inputs.keys.associateWith { golden["inputs/$signature/$it"]?.values }
            if (inputs.values.any { it == null }) continue // of a larger batch: the same network
            val found = run(signature, inputs.mapValues { it.value!! })
            for ((name, values) in found) {
                val expected = golden.getValue("expected/$signature/$name").values
                val largest = maxOf(1.0, expected.maxOf(::abs))
                differences["$signature/$name"] =
                    values.indices.maxOf { abs(values[it] - expected[it]) } / largest
            }
        }
        return differences
    }

    override fun close() = model.close()

    private fun artefactOf(preset: String): JSONObject {
        if (manifest.getInt("schema") != 2)
            throw BundleException("the bundle has a schema that this client does not know")
        val found = manifest.getJSONArray("artefacts")
        return (0 until found.length()).map(found::getJSONObject)
            .firstOrNull { it.getString("preset") == preset }
            ?: throw BundleException("the bundle has no preset $preset")
    }

    private fun signaturesOf(described: JSONObject): Map<String, Signature> {
        fun ports(of: JSONObject) = of.keys().asSequence().associateWith { name ->
            val shape = of.getJSONObject(name).getJSONArray("shape")
            val size = (0 until shape.length()).fold(1) { product, i -> product * shape.getInt(i) }
            Port(size, of.getJSONObject(name).getString("dtype"))
        }
        return described.keys().asSequence().associateWith { name ->
            val signature = described.getJSONObject(name)
            Signature(
                ports(signature.getJSONObject("inputs")),
                ports(signature.getJSONObject("outputs")),
            )
        }
    }

    private fun rowsOf(name: String, port: Port, values: DoubleArray): Int {
        require(values.isNotEmpty() && values.size % port.size == 0) {
            "Expected a whole number of rows of ${port.size} numbers: $name has ${values.size}"
        }
        domain.check(name, values)
        val valid: (Double) -> Boolean = when (port.type) {
            "int32" -> ({ it == it.toInt().toDouble() })
            "uint8" -> ({ it in 0.0..255.0 && it == it.toInt().toDouble() })
            else -> ({ abs(it) <= Float.MAX_VALUE || (it.isNaN() && domain.mayMiss(name)) })
        }
        require(values.all(valid)) { "Expected $name to hold finite ${port.type} numbers" }
        return values.size / port.size
    }

    private fun outputBuffer(name: String, signature: String): TensorBuffer? =
        try {
            model.createOutputBuffer(name, signature)
        } catch (_: LiteRtException) { // the tensor has another name; LiteRT before 2.3.0 runs no such file
            null
        }

    private fun write(buffer: TensorBuffer, port: Port, values: DoubleArray, row: Int) {
        val start = row * port.size
        when (port.type) {
            "int32" -> buffer.writeInt(IntArray(port.size) { values[start + it].toInt() })
            "uint8" -> buffer.writeInt8(ByteArray(port.size) { values[start + it].toInt().toByte() })
            else -> buffer.writeFloat(FloatArray(port.size) { values[start + it].toFloat() })
        }
    }

    private fun read(buffer: TensorBuffer, port: Port, values: DoubleArray, row: Int) {
        val found: List<Double> = when (port.type) {
            "int32" -> buffer.readInt().map { it.toDouble() }
            "uint8" -> buffer.readInt8().map { (it.toInt() and 0xff).toDouble() }
            else -> buffer.readFloat().map { it.toDouble() }
        }
        for (i in 0 until port.size) values[row * port.size + i] = found[i]
    }
}
