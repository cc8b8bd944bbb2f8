package io.kvae

/** What `detect` says of a row; the score is in nats. */
data class Decision(val score: Float, val pValue: Double, val isAnomaly: Boolean)

/**
 * The thresholds of a model file: its line of decision.tsv, as docs/bundle.md describes it.
 *
 * The formulas are those of `p_values` and `detect` in export/runtime.py. All numbers are float32, as
 * the model computes them.
 */
internal class Thresholds private constructor(fields: List<String>) {
    /** The fields of a line, in their order. */
    private enum class Field { FILE_NAME, TWO_SIDED, LOWEST, HIGHEST, SCORES }

    private val twoSided = fields[Field.TWO_SIDED.ordinal] == "1"
    private val low =
        if (twoSided) number(fields[Field.LOWEST.ordinal]) else Float.NEGATIVE_INFINITY
    private val high = number(fields[Field.HIGHEST.ordinal])
    private val scores = fields[Field.SCORES.ordinal].split(' ').map(::number)

    init {
        if (scores.zipWithNext().any { (a, b) -> a > b }) throw damaged()
    }

    fun decide(score: Float): Decision {
        val n = scores.size + 1.0
        val above = 1 + scores.count { it >= score }
        val below = 1 + scores.count { it <= score }
        val p = if (twoSided) minOf(1.0, 2.0 * minOf(above, below) / n) else above / n
        return Decision(score, p, score < low || score > high)
    }

    companion object {
        private fun damaged() = BundleException("decision.tsv is damaged")

        private fun number(text: String): Float =
            text.toFloatOrNull()?.takeUnless { it.isNaN() } ?: throw damaged()

        /** The thresholds of a model file, null where the table does not name it. */
        fun of(file: String, text: String): Thresholds? =
            lines("decision.tsv", text, Field.values().size)
                .firstOrNull { it[Field.FILE_NAME.ordinal] == file }
                ?.let(::Thresholds)
    }
}
