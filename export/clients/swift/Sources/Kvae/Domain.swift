import Foundation

/// The domains of a model's inputs: domain.tsv, as docs/bundle.md describes it, and its check.
struct Domain {
  /// The fields of a line, in their order.
  enum Field: Int, CaseIterable {
    case name, start, span, row, low, high, whole, oneHot, missing, label, text, hint
  }

  private struct Part {
    let fields: [String]
    let start, span, row: Int
    let low, high: Double

    init(_ fields: [String]) throws {
      func length(_ field: Field) throws -> Int {
        guard let length = Int(fields[field.rawValue]), length >= 0 else { throw Domain.damaged }
        return length
      }
      func bound(_ field: Field, none: Double) throws -> Double {
        if fields[field.rawValue] == "-" { return none }
        guard let bound = Double(fields[field.rawValue]) else { throw Domain.damaged }
        return bound
      }
      self.fields = fields
      start = try length(.start)
      span = try length(.span)
      row = try length(.row)
      low = try bound(.low, none: -.infinity)
      high = try bound(.high, none: .infinity)
      guard span > 0, row > 0, start <= row - span else { throw Domain.damaged }
    }

    subscript(field: Field) -> String { fields[field.rawValue] }
  }

  private static let damaged = KvaeError("domain.tsv is damaged")
  private let parts: [Part]

  init(lines: [[String]]) throws { parts = try lines.map(Part.init) }

  /// Whether NaN may stand for a missing number of an input.
  func mayMiss(_ name: String) -> Bool {
    parts.contains { $0[.name] == name && $0[.missing] == "1" }
  }

  /// Checks rows of an input, NaN aside; throws the sentence of the other clients.
  func check(_ name: String, _ values: [Double]) throws {
    for part in parts where part[.name] == name { try check(part, values) }
  }

  private func check(_ part: Part, _ values: [Double]) throws {
    var least = Double.infinity, greatest = -Double.infinity
    var whole = true, single = true
    for first in stride(from: part.start, through: values.count - part.span, by: part.row) {
      var sum = 0.0, unknown = 0
      for number in values[first..<first + part.span] {
        let value = Double(Float(number))  // what the model reads
        sum += value
        if value.isNaN {
          unknown += 1
          continue
        }
        least = min(least, value)
        greatest = max(greatest, value)
        if value != value.rounded(.down) { whole = false }
      }
      if sum != 1, unknown < part.span { single = false }  // all are missing, or none is
    }
    whole = whole || part[.whole] != "1"
    single = single || part[.oneHot] != "1"
    let inside = Float(least) >= Float(part.low) && Float(greatest) <= Float(part.high)
    if inside, whole, single { return }
    let remark = !single ? ", not one-hot" : whole ? "" : ", not all whole"
    let range = String(format: "[%g, %g]", least, greatest)
    let hint = part[.hint].isEmpty ? "" : " " + part[.hint]
    throw KvaeError(
      "Expected \(part[.name])\(part[.label]) to hold \(part[.text]). "
        + "Received: values in \(range)\(remark).\(hint)")
  }
}
