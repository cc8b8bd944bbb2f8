import Foundation
import XCTest

@testable import Kvae

/// The outputs are those of Keras: `KVAE_BUNDLE=FOLDER swift test`.
final class GoldenTests: XCTestCase {
  func testEverySignatureSaysWhatKerasSays() throws {
    guard let path = ProcessInfo.processInfo.environment["KVAE_BUNDLE"]
    else { throw XCTSkip("KVAE_BUNDLE names no bundle") }
    let model = try Model(folder: URL(fileURLWithPath: path), preset: "float32", threads: 2)
    // The tolerance of every client, docs/clients.md.
    for (output, difference) in try model.check() { XCTAssertLessThan(difference, 1e-4, output) }
  }
}
