import ArgumentParser
import Client

/// `apus ctl region key`.
struct RegionKeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "Show the region that contains a key.")

  @OptionGroup var connection: CtlConnection
  @OptionGroup var form: KeyForm

  @Argument(help: "The key.")
  var key: String

  func run() async throws {
    let hex = KeyText.hex(try form.parse(key, as: "key"))
    try await connection.show("region/key/\(hex)?format=hex")
  }
}

/// `apus ctl region sibling`.
struct RegionSiblingCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sibling", abstract: "Show the regions on both sides of one.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The region's id.")
  var id: UInt64

  func run() async throws { try await connection.show("regions/sibling/\(id)") }
}
