import Glibc

/// C copies of strings, for functions that take an array of them.
struct CStrings: ~Copyable {
  let pointers: [UnsafePointer<CChar>?]

  init(_ strings: [String]) {
    pointers = strings.map { UnsafePointer(strdup($0)) }
  }

  deinit {
    pointers.forEach { free(UnsafeMutablePointer(mutating: $0)) }
  }
}
