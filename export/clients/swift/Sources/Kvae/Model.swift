import Foundation
import LiteRT

/// The model of a bundle (docs/bundle.md): it encodes, decodes, scores, detects and samples.
///
/// Numbers are Double, which holds every float32, int32 and uint8 number exactly; rows stand one after
/// the other in an array. It may be called from several threads, which take turns.
public final class Model {
  private struct Port {
    let name: String
    let type: ElementType
    let size: Int
    var buffer: TensorBuffer
  }

  /// `passed` are the buffers of LiteRT's outputs. Two outputs that are one tensor of the file have one
  /// name in LiteRT, which fills the last of their buffers alone: they are one port, with that buffer.
  private struct Signature {
    let index: Int
    let inputs, outputs: [Port]
    let passed: [TensorBuffer]
  }

  private struct Manifest: Decodable {
    struct Artefact: Decodable { let file, preset: String }
    struct Described: Decodable { let decoded: String }
    let schema: Int
    let default_preset: String
    let artefacts: [Artefact]
    let model: Described
  }

  private let files: BundleFiles
  private let manifest: Manifest
  private let domain: Domain
  private let thresholds: Thresholds?
  private let model: CompiledModel
  private let names: [String]
  private var signatures: [String: Signature] = [:]
  private let lock = NSLock()

  /// Opens a bundle.
  ///
  /// - Parameters:
  ///   - folder: the bundle.
  ///   - preset: which file runs; by default the one that the manifest names.
  ///   - threads: threads that LiteRT may use on the CPU.
  ///   - gpu: run on the GPU, and on the CPU what the GPU lacks. Its digits differ from those that the
  ///     thresholds were made from: verify with `check` on the device.
  public init(folder: URL, preset: String? = nil, threads: Int = 1, gpu: Bool = false) throws {
    files = try BundleFiles(folder: folder)
    manifest = try JSONDecoder().decode(Manifest.self, from: files.read("manifest.json"))
    guard manifest.schema == 2
    else { throw KvaeError("the bundle has a schema that this client does not know") }
    let wanted = preset ?? manifest.default_preset
    guard let file = manifest.artefacts.first(where: { $0.preset == wanted })?.file
    else { throw KvaeError("the bundle has no preset \(wanted)") }
    domain = try Domain(lines: files.lines("domain.tsv", count: Domain.Field.allCases.count))
    let decisions = try files.contains("decision.tsv")
      ? files.lines("decision.tsv", count: Thresholds.Field.allCases.count) : []
    thresholds = try decisions.first { $0[Thresholds.Field.fileName.rawValue] == file }
      .map(Thresholds.init(fields:))
    let options = try Options()
    try options.setHardwareAccelerators(gpu ? [.gpu, .cpu] : [.cpu])
    guard let text = strdup("num_threads = \(threads)\n") else { throw KvaeError("no memory") }
    try options.addOpaqueOptions(
      OpaqueOptions(identifier: "xnnpack", payload: text, destructor: { free($0) }))
    model = try CompiledModel(data: files.read(file), environment: Environment(), options: options)
    names = try model.signatureKeys()
  }

  /// Runs a signature on rows, or once where it has no inputs; returns its outputs by name.
  ///
  /// Throws a `KvaeError` if there is no such signature, an input is missing or unknown, its numbers
  /// are outside their domain, or an output is NaN or infinite. NaN is valid where elements may be
  /// missing. Of two outputs that are one tensor of the file, such as mean and loc of a normal
  /// likelihood, LiteRT has one.
  public func run(_ name: String, _ inputs: [String: [Double]]) throws -> [String: [Double]] {
    lock.lock()
    defer { lock.unlock() }
    let signature = try find(name)
    let expected = signature.inputs.map(\.name).sorted()
    guard expected == inputs.keys.sorted()
    else { throw KvaeError("Expected the inputs \(expected). Received: \(inputs.keys.sorted())") }
    let rows = try signature.inputs.map { try rowCount(of: inputs[$0.name]!, for: $0) }
    let count = rows.first ?? 1
    guard rows.allSatisfy({ $0 == count })
    else { throw KvaeError("Expected inputs with the same number of rows") }
    var found: [String: [Double]] = [:]
    for row in 0..<count {
      for port in signature.inputs {
        try write(inputs[port.name]![row * port.size..<(row + 1) * port.size], to: port)
      }
      try model.run(
        inputs: signature.inputs.map(\.buffer), outputs: signature.passed,
        signatureIndex: signature.index)
      for port in signature.outputs { found[port.name, default: []] += try read(port) }
    }
    for (output, values) in found where !values.allSatisfy(\.isFinite) {
      throw KvaeError("The output \(output) of \(name) is NaN or infinite")
    }
    return found
  }

  /// The likelihood's mean at rows of the latent vector.
  public func decode(_ z: [Double], others: [String: [Double]] = [:]) throws -> [Double] {
    try decoded("decode", others.merging(["z": z]) { $1 })
  }

  /// What the model makes of rows.
  public func reconstruct(_ x: [Double], others: [String: [Double]] = [:]) throws -> [Double] {
    try decoded("reconstruct", others.merging(["x": x]) { $1 })
  }

  /// Decoded draws from the prior: rows 0 to count - 1 of a seed, the same on every device.
  public func sample(_ count: Int, seed: Int32, others: [String: [Double]] = [:]) throws -> [Double] {
    let seeds = (0..<count).flatMap { [Double($0), Double(seed)] }
    return try decoded("sample", others.merging(["seed": seeds]) { $1 })
  }

  /// The anomaly score of each row in nats.
  public func score(_ x: [Double], others: [String: [Double]] = [:]) throws -> [Double] {
    try run("score", others.merging(["x": x]) { $1 })["score"]!
  }

  /// Score, p-value and decision of each row (docs/anomaly.md).
  public func detect(_ x: [Double], others: [String: [Double]] = [:]) throws -> [Decision] {
    guard let thresholds
    else { throw KvaeError("Expected a bundle with thresholds, written with calibration rows") }
    return try score(x, others: others).map { thresholds.decide(Float($0)) }
  }

  /// Runs the golden vectors; returns by SIGNATURE/OUTPUT the greatest difference from Keras, divided
  /// by the greatest expected value if that is above 1. In float32 it is about 1e-6.
  public func check() throws -> [String: Double] {
    let golden = try readGolden(files.read("golden.npz"))
    var differences: [String: Double] = [:]
    for name in names {
      let prefix = "inputs/\(name)/"
      let given = golden.filter { $0.key.hasPrefix(prefix) }
      if given.isEmpty { continue }  // of a larger batch: the same network
      let inputs = given.map { (String($0.key.dropFirst(prefix.count)), $0.value) }
      for (output, values) in try run(name, Dictionary(uniqueKeysWithValues: inputs)) {
        guard let expected = golden["expected/\(name)/\(output)"], expected.count == values.count
        else { throw KvaeError("golden.npz is damaged") }
        let largest = max(1, expected.map(abs).max() ?? 1)
        differences["\(name)/\(output)"] = zip(values, expected).map { abs($0 - $1) }.max()! / largest
      }
    }
    return differences
  }

  private func decoded(_ name: String, _ inputs: [String: [Double]]) throws -> [Double] {
    guard let values = try run(name, inputs)[manifest.model.decoded]
    else { throw KvaeError("\(name) has no output \(manifest.model.decoded)") }
    return values
  }

  /// Finds a signature; its buffers are made when it is first used.
  private func find(_ name: String) throws -> Signature {
    if let known = signatures[name] { return known }
    guard let index = names.firstIndex(of: name) else {
      throw KvaeError("Expected signature to be one of \(names.sorted()). Received: \(name)")
    }
    let inputs = try model.createInputBuffers(signatureIndex: index).enumerated().map {
      try port(
        model.inputName(inputIndex: $0, signatureIndex: index),
        model.getInputTensorType(inputIndex: $0, signatureIndex: index), $1)
    }
    var outputs: [Port] = [], passed: [TensorBuffer] = []
    for (place, buffer) in try model.createOutputBuffers(signatureIndex: index).enumerated() {
      let name = try model.outputName(outputIndex: place, signatureIndex: index)
      passed.append(buffer)
      if let same = outputs.firstIndex(where: { $0.name == name }) {
        outputs[same].buffer = buffer
        continue
      }
      let type = try model.getOutputTensorType(outputIndex: place, signatureIndex: index)
      outputs.append(try port(name, type, buffer))
    }
    let found = Signature(index: index, inputs: inputs, outputs: outputs, passed: passed)
    signatures[name] = found
    return found
  }

  private func port(_ name: String, _ type: TensorType, _ buffer: TensorBuffer) throws -> Port {
    guard let size = type.layout.elementCount, size > 0,
      [.float32, .int32, .uint8].contains(type.elementType)
    else { throw KvaeError("expected a tensor of type float32, int32 or uint8: \(name)") }
    return Port(name: name, type: type.elementType, size: size, buffer: buffer)
  }

  private func rowCount(of values: [Double], for port: Port) throws -> Int {
    guard !values.isEmpty, values.count % port.size == 0 else {
      throw KvaeError(
        "Expected a whole number of rows of \(port.size) numbers: \(port.name) has \(values.count)")
    }
    try domain.check(port.name, values)
    let valid = values.allSatisfy { value in
      switch port.type {
      case .int32: return Int32(exactly: value) != nil
      case .uint8: return UInt8(exactly: value) != nil
      default:
        return abs(value) <= Double(Float.greatestFiniteMagnitude)
          || (value.isNaN && domain.mayMiss(port.name))
      }
    }
    guard valid else { throw KvaeError("Expected \(port.name) to hold finite \(port.type) numbers") }
    return values.count / port.size
  }

  private func write(_ values: ArraySlice<Double>, to port: Port) throws {
    switch port.type {
    case .int32: try port.buffer.write(values.map { Int32($0) })
    case .uint8: try port.buffer.write(values.map { UInt8($0) })
    default: try port.buffer.write(values.map { Float($0) })
    }
  }

  private func read(_ port: Port) throws -> [Double] {
    switch port.type {
    case .int32: return try (port.buffer.read() as [Int32]).prefix(port.size).map(Double.init)
    case .uint8: return try (port.buffer.read() as [UInt8]).prefix(port.size).map(Double.init)
    default: return try (port.buffer.read() as [Float]).prefix(port.size).map(Double.init)
    }
  }
}
