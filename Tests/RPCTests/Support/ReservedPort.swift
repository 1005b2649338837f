import Glibc

/// A port that belongs to a test and on which nothing listens: connections to it are refused, and no
/// other test's server is given it.
final class ReservedPort {
  let number: Int
  private let socket: Int32

  struct Unavailable: Error {}

  init() throws {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(socket, pointer, length) == 0 ? getsockname(socket, pointer, &length) : -1
      }
    }
    self.socket = socket
    number = Int(UInt16(bigEndian: address.sin_port))
    guard code == 0 else { throw Unavailable() }
  }

  deinit {
    close(socket)
  }
}
