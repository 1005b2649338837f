import ArgumentParser
import Client

/// Prints the checksum of a range.
struct RawChecksumCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checksum",
    abstract: "Print the checksum of the pairs from one key up to, not including, another.")

  @OptionGroup var connection: CtlConnection
  @OptionGroup var form: KeyForm

  @Argument(help: "Start key; empty for the first key.")
  var start = ""

  @Argument(help: "End key, exclusive; empty for no bound.")
  var end = ""

  /// What `--json` prints.
  private struct Output: Encodable {
    /// In hexadecimal: not every JSON parser has 64-bit integers.
    var checksum: String
    var pairs: UInt64
    var bytes: UInt64
  }

  func run() async throws {
    let from = try form.parse(start, as: "key")
    let to = try form.parse(end, as: "key")
    try await connection.run { client in
      let sum = try await client.raw.checksum(from: from, to: to)
      let digits = String(sum.checksum, radix: 16)
      let text = String(repeating: "0", count: 16 - digits.count) + digits
      if connection.json {
        try CtlOutput.json(Output(checksum: text, pairs: sum.pairs, bytes: sum.bytes))
      } else {
        CtlOutput.facts([
          ("checksum", text), ("pairs", "\(sum.pairs)"), ("bytes", "\(sum.bytes)"),
        ])
      }
    }
  }
}
