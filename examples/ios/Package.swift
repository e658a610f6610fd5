// swift-tools-version:5.7
import PackageDescription

let package = Package(
    name: "Lamplight",
    platforms: [.iOS(.v14), .macOS(.v11)],
    products: [.library(name: "Lamplight", targets: ["Lamplight"])],
    targets: [.target(name: "Lamplight")]
)
