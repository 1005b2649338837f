import ArgumentParser
import SimulationCommand

/// Deterministic simulation of whole clusters.
struct SimCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sim",
    abstract: "Runs whole clusters on virtual time, one thread each, from seeds.",
    discussion: SimFlags.discussion)

  @OptionGroup var flags: SimFlags

  func run() throws {
    if flags.list { return flags.writeCatalog { ProcessEnd.say($0) } }
    let runner = SimRunner(
      flags, command: "apus sim", output: { ProcessEnd.say($0) }, report: ProcessEnd.report)
    if try !runner.run() { throw ExitCode(1) }
  }
}
