import CryptoKit
import Foundation

/// What is wrong with a bundle or with the data, as a sentence.
public struct KvaeError: Error, CustomStringConvertible, Equatable {
  public let description: String

  init(_ description: String) { self.description = description }
}

/// The files of a bundle. The digest of a file is compared before anything of it is used.
struct BundleFiles {
  let folder: URL
  private let digests: [String: String]

  init(folder: URL) throws {
    self.folder = folder
    guard let sums = try? String(contentsOf: folder.appendingPathComponent("SHA256SUMS"), encoding: .utf8)
    else { throw KvaeError("\(folder.path) holds no SHA256SUMS: it is not a bundle") }
    var digests: [String: String] = [:]
    for line in sums.split(separator: "\n") {
      let digest = String(line.prefix(64)), name = String(line.dropFirst(66))
      let parts = name.split(separator: "/", omittingEmptySubsequences: false)
      guard digest.count == 64, line.dropFirst(64).hasPrefix("  "),
        !parts.contains(where: { ["", ".", ".."].contains($0) })
      else { throw KvaeError("SHA256SUMS is damaged") }
      digests[name] = digest
    }
    self.digests = digests
  }

  func contains(_ name: String) -> Bool { digests[name] != nil }

  func read(_ name: String) throws -> Data {
    guard let expected = digests[name] else { throw KvaeError("the bundle holds no \(name)") }
    guard let content = try? Data(contentsOf: folder.appendingPathComponent(name))
    else { throw KvaeError("\(name) is missing from the bundle") }
    let digest = SHA256.hash(data: content).map { String(format: "%02x", $0) }.joined()
    guard digest == expected else { throw KvaeError("\(name) was altered since the bundle was made") }
    return content
  }

  /// The fields of each line of a table, of which each has to have `count`.
  func lines(_ name: String, count: Int) throws -> [[String]] {
    guard let text = String(data: try read(name), encoding: .utf8)
    else { throw KvaeError("\(name) is damaged") }
    return try text.split(separator: "\n").map { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard fields.count == count else { throw KvaeError("\(name) is damaged") }
      return fields
    }
  }
}
