import Foundation

/// A fresh self-signed certificate for 127.0.0.1 and localhost.
struct TestCertificates {
  let certificate: String
  let key: String
  private let folder: URL

  static var canMake: Bool { openssl != nil }

  private static var openssl: String? {
    ["/usr/bin/openssl", "/usr/local/bin/openssl"].first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }

  static func make() throws -> TestCertificates {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let certificate = folder.appending(path: "certificate.pem").path
    let key = folder.appending(path: "key.pem").path
    let process = Process()
    process.executableURL = URL(fileURLWithPath: openssl ?? "/usr/bin/openssl")
    process.arguments = [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
      "-days", "1", "-subj", "/CN=localhost",
      "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
      "-keyout", key, "-out", certificate,
    ]
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failed() }
    return TestCertificates(certificate: certificate, key: key, folder: folder)
  }

  func remove() {
    // A leftover in the temporary directory is harmless.
    try? FileManager.default.removeItem(at: folder)
  }

  struct Failed: Error {}
}
