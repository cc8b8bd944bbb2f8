package io.kvae

import java.math.BigDecimal
import java.math.MathContext
import java.math.RoundingMode
import kotlin.math.floor

/** The domains of a model's inputs: domain.tsv, as docs/bundle.md describes it, and its check. */
internal class Domain(text: String) {
    /** The fields of a line, in their order. */
    private enum class Field {
        NAME, START, SPAN, ROW, LOW, HIGH, WHOLE, ONE_HOT, MISSING, LABEL, TEXT, HINT
    }

    private class Part(private val fields: List<String>) {
        operator fun get(field: Field): String = fields[field.ordinal]

        val start = length(Field.START)
        val span = length(Field.SPAN)
        val row = length(Field.ROW)
        val low = bound(Field.LOW, Double.NEGATIVE_INFINITY)
        val high = bound(Field.HIGH, Double.POSITIVE_INFINITY)

        init {
            if (span < 1 || row < 1 || start > row - span) throw damaged()
        }

        private fun length(field: Field): Int =
            this[field].toIntOrNull()?.takeIf { it >= 0 } ?: throw damaged()

        private fun bound(field: Field, none: Double): Double =
            if (this[field] == "-") none else this[field].toDoubleOrNull() ?: throw damaged()
    }

    private val parts = lines("domain.tsv", text, Field.values().size).map(::Part)

    /** Whether NaN may stand for a missing number of an input. */
    fun mayMiss(name: String): Boolean =
        parts.any { it[Field.NAME] == name && it[Field.MISSING] == "1" }

    /**
     * Checks rows of an input, NaN aside.
     *
     * @throws IllegalArgumentException with the sentence of the other clients.
     */
    fun check(name: String, values: DoubleArray) {
        for (part in parts) if (part[Field.NAME] == name) check(part, values)
    }

    private fun check(part: Part, values: DoubleArray) {
        var least = Double.POSITIVE_INFINITY
        var greatest = Double.NEGATIVE_INFINITY
        var whole = true
        var single = true
        for (first in part.start..values.size - part.span step part.row) {
            var sum = 0.0
            var unknown = 0
            for (i in first until first + part.span) {
                val value = values[i].toFloat().toDouble() // what the model reads
                sum += value
                if (value.isNaN()) {
                    unknown++
                    continue
                }
                least = minOf(least, value)
                greatest = maxOf(greatest, value)
                if (value != floor(value)) whole = false
            }
            if (sum != 1.0 && unknown < part.span) single = false // all are missing, or none is
        }
        whole = whole || part[Field.WHOLE] != "1"
        single = single || part[Field.ONE_HOT] != "1"
        val inside = least.toFloat() >= part.low.toFloat() && greatest.toFloat() <= part.high.toFloat()
        if (inside && whole && single) return
        val remark = if (!single) ", not one-hot" else if (whole) "" else ", not all whole"
        throw IllegalArgumentException(
            "Expected ${part[Field.NAME]}${part[Field.LABEL]} to hold ${part[Field.TEXT]}. " +
                "Received: values in [${short(least)}, ${short(greatest)}]$remark. ${part[Field.HINT]}"
                    .trimEnd()
        )
    }

    companion object {
        private fun damaged() = BundleException("domain.tsv is damaged")

        /** A number with six digits, as the "%g" of C writes it. */
        internal fun short(value: Double): String {
            if (value.isInfinite()) return if (value > 0) "inf" else "-inf"
            if (value == 0.0) return if (1 / value < 0) "-0" else "0"
            val rounded = BigDecimal(value).round(MathContext(6, RoundingMode.HALF_EVEN))
            val exponent = rounded.precision() - rounded.scale() - 1
            if (exponent in -4..5) return rounded.stripTrailingZeros().toPlainString()
            val digits = rounded.movePointLeft(exponent).stripTrailingZeros().toPlainString()
            val power = kotlin.math.abs(exponent).toString().padStart(2, '0')
            return "${digits}e${if (exponent < 0) "-" else "+"}$power"
        }
    }
}
