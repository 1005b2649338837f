import NIOSSL

/// A server's certificate, and whose certificates it asks clients for.
package struct ServerTLS: Sendable {
  /// PEM files.
  package var certificatePath: String
  package var keyPath: String
  /// With it, clients must show a certificate signed by this authority (mutual TLS).
  package var clientCAPath: String?

  package init(certificatePath: String, keyPath: String, clientCAPath: String? = nil) {
    self.certificatePath = certificatePath
    self.keyPath = keyPath
    self.clientCAPath = clientCAPath
  }

  func context() throws(RPCStatus) -> NIOSSLContext {
    do {
      let chain = try NIOSSLCertificate.fromPEMFile(certificatePath)
      let key = try NIOSSLPrivateKey(file: keyPath, format: .pem)
      var tls = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
      tls.applicationProtocols = ["h2"]
      tls.minimumTLSVersion = .tlsv12
      if let clientCAPath {
        tls.trustRoots = .file(clientCAPath)
        tls.certificateVerification = .noHostnameVerification
      }
      return try NIOSSLContext(configuration: tls)
    } catch {
      throw RPCStatus(.failedPrecondition, "cannot set up TLS with \(certificatePath): \(error)")
    }
  }
}
