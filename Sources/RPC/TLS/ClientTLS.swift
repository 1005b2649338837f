import NIOSSL

/// Whom a client trusts, and the certificate it shows.
package struct ClientTLS: Sendable {
  /// A PEM file of authorities; without it, the system's.
  package var caPath: String?
  /// The client's own certificate and key (mutual TLS), PEM.
  package var certificatePath: String?
  package var keyPath: String?
  /// The name the server's certificate must carry, if not the host connected to.
  package var serverName: String?

  package init(
    caPath: String? = nil, certificatePath: String? = nil, keyPath: String? = nil,
    serverName: String? = nil
  ) {
    self.caPath = caPath
    self.certificatePath = certificatePath
    self.keyPath = keyPath
    self.serverName = serverName
  }

  func context() throws(RPCStatus) -> NIOSSLContext {
    do {
      var tls = TLSConfiguration.makeClientConfiguration()
      tls.applicationProtocols = ["h2"]
      tls.minimumTLSVersion = .tlsv12
      if let caPath { tls.trustRoots = .file(caPath) }
      if let certificatePath, let keyPath {
        tls.certificateChain = try NIOSSLCertificate.fromPEMFile(certificatePath).map {
          .certificate($0)
        }
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyPath, format: .pem))
      }
      return try NIOSSLContext(configuration: tls)
    } catch {
      throw RPCStatus(.failedPrecondition, "cannot set up TLS: \(error)")
    }
  }
}
