import Foundation

/// Reads golden.npz: the rows of each array, one after the other, by `inputs/SIGNATURE/INPUT` and
/// `expected/SIGNATURE/OUTPUT`. Its entries are not compressed (docs/bundle.md).
func readGolden(_ content: Data) throws -> [String: [Double]] {
  let bytes = [UInt8](content)
  let damaged = KvaeError("golden.npz is damaged")
  func number(_ place: Int, _ size: Int) throws -> Int {
    guard place >= 0, place + size <= bytes.count else { throw damaged }
    return (0..<size).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
  }
  var arrays: [String: [Double]] = [:]
  var place = 0
  while try number(place, 4) == 0x0403_4b50 {  // an entry of the zip archive
    guard try number(place + 8, 2) == 0 else { throw damaged }  // compressed
    var size = try number(place + 18, 4)
    let nameEnd = place + 30 + (try number(place + 26, 2))
    let start = nameEnd + (try number(place + 28, 2))
    if size == 0xffff_ffff {  // in the extra field of ZIP64: original size, then compressed size
      guard try number(nameEnd, 2) == 1 else { throw damaged }
      size = try number(nameEnd + 12, 4)
    }
    guard start + size <= bytes.count else { throw damaged }
    let name = String(decoding: bytes[place + 30..<nameEnd], as: UTF8.self)
    arrays[name.replacingOccurrences(of: ".npy", with: "")] = try readArray(
      Array(bytes[start..<start + size]))
    place = start + size
  }
  return arrays
}

/// Reads an .npy file of version 1.0, little-endian and in C order.
private func readArray(_ bytes: [UInt8]) throws -> [Double] {
  guard bytes.count >= 10, bytes[6] == 1 else { throw KvaeError("golden.npz is damaged") }
  let start = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
  guard start <= bytes.count else { throw KvaeError("golden.npz is damaged") }
  let header = String(decoding: bytes[10..<start], as: UTF8.self)
  let words = stride(from: start, to: bytes.count - 3, by: 4).map { place in
    (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) }
  }
  if header.contains("'<f4'") { return words.map { Double(Float(bitPattern: $0)) } }
  if header.contains("'<i4'") { return words.map { Double(Int32(bitPattern: $0)) } }
  if header.contains("'|u1'") { return bytes[start...].map(Double.init) }
  throw KvaeError("golden.npz is damaged")
}
