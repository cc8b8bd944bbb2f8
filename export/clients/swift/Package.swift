// swift-tools-version:5.9
import PackageDescription

// LiteRT's Swift package needs its sources beside this folder and its framework built in them:
// docs/clients.md has the commands.
let package = Package(
  name: "Kvae",
  platforms: [.iOS(.v15), .macOS(.v12)],
  products: [.library(name: "Kvae", targets: ["Kvae"])],
  dependencies: [.package(path: "../LiteRT")],
  targets: [
    .target(name: "Kvae", dependencies: [.product(name: "LiteRT", package: "LiteRT")]),
    .testTarget(name: "KvaeTests", dependencies: ["Kvae"]),
  ]
)
