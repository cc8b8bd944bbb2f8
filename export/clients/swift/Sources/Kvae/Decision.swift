/// What `detect` says of a row; the score is in nats.
public struct Decision: Equatable {
  public let score: Float
  public let pValue: Double
  public let isAnomaly: Bool
}

/// The thresholds of a model file: its line of decision.tsv, as docs/bundle.md describes it.
///
/// The formulas are those of `p_values` and `detect` in export/runtime.py. All numbers are float32, as
/// the model computes them.
struct Thresholds {
  /// The fields of a line, in their order.
  enum Field: Int, CaseIterable {
    case fileName, twoSided, lowest, highest, scores
  }

  private let twoSided: Bool
  private let low, high: Float
  private let scores: [Float]

  init(fields: [String]) throws {
    func number<Text: StringProtocol>(_ text: Text) throws -> Float {
      guard let number = Float(text), !number.isNaN else { throw KvaeError("decision.tsv is damaged") }
      return number
    }
    twoSided = fields[Field.twoSided.rawValue] == "1"
    low = twoSided ? try number(fields[Field.lowest.rawValue]) : -.infinity
    high = try number(fields[Field.highest.rawValue])
    let text = fields[Field.scores.rawValue]
    let scores = try text.split(separator: " ", omittingEmptySubsequences: false).map { try number($0) }
    guard zip(scores, scores.dropFirst()).allSatisfy({ $0 <= $1 })
    else { throw KvaeError("decision.tsv is damaged") }
    self.scores = scores
  }

  func decide(_ score: Float) -> Decision {
    let n = Double(scores.count + 1)
    let above = Double(1 + scores.filter { $0 >= score }.count)
    let below = Double(1 + scores.filter { $0 <= score }.count)
    let p = twoSided ? min(1, 2 * min(above, below) / n) : above / n
    return Decision(score: score, pValue: p, isAnomaly: score < low || score > high)
  }
}
