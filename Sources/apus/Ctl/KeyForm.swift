import ArgumentParser
import Client

/// The option that chooses the written form of keys and values.
struct KeyForm: ParsableArguments {
  @Flag(
    name: .long,
    help: "Keys and values are in hexadecimal, not escaped text (\\xNN for what is not printable).")
  var hex = false

  /// The bytes of an argument.
  ///
  /// - Parameter what: names the argument in the error.
  func parse(_ text: String, as what: String) throws -> [UInt8] {
    guard let bytes = hex ? KeyText.parseHex(text) : KeyText.parse(text) else {
      throw ValidationError(
        hex
          ? "invalid \(what) '\(text)': expected hexadecimal digits, two for each byte"
          : "invalid \(what) '\(text)': expected \\xNN, or \\\\ for a backslash")
    }
    return bytes
  }

  /// The written form of bytes; `parse` reads it.
  func text(_ bytes: [UInt8]) -> String { hex ? KeyText.hex(bytes) : KeyText.escaped(bytes) }
}
