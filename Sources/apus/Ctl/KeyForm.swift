import ArgumentParser
import Client

/// Whether keys and values are written in hexadecimal.
struct KeyForm: ParsableArguments {
  @Flag(
    name: .long,
    help: "Keys and values are in hexadecimal, not escaped text (\\xNN for what is not printable).")
  var hex = false

  func parse(_ text: String, as what: String) throws -> [UInt8] {
    guard let bytes = hex ? KeyText.parseHex(text) : KeyText.parse(text) else {
      throw ValidationError(
        hex
          ? "\(what) '\(text)' is not hexadecimal"
          : "\(what) '\(text)' has a malformed escape; write \\xNN, or \\\\ for a backslash")
    }
    return bytes
  }

  func text(_ bytes: [UInt8]) -> String { hex ? KeyText.hex(bytes) : KeyText.escaped(bytes) }
}
