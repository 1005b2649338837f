import ArgumentParser
import Glibc
import SimulationCommand
import SimulationMutants

/// Commands for working on Apus itself. Not part of the product.
@main
struct ApusDev: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apus-dev", abstract: "Commands for working on Apus itself.",
    subcommands: [MutantSimCommand.self])
}

/// `apus sim`, with bugs built into the runs.
struct MutantSimCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sim",
    abstract: "Runs whole clusters on virtual time, with a bug built in where asked for.",
    discussion: SimFlags.discussion)

  @OptionGroup var flags: SimFlags
  @Option(help: "A bug to build in. See --list.")
  var mutant: String?

  func validate() throws {
    if let mutant, MutantCatalog.mutant(named: mutant) == nil {
      throw ValidationError("--mutant: unknown name '\(mutant)'; see --list")
    }
  }

  func run() throws {
    if flags.list {
      flags.writeCatalog { print($0) }
      return Self.printMutants()
    }
    let chosen = mutant.flatMap { MutantCatalog.mutant(named: $0) }
    let runner = SimRunner(
      flags, command: "apus-dev sim" + (mutant.map { " --mutant \($0)" } ?? ""),
      configure: chosen?.configure,
      output: { line in
        print(line)
        fflush(nil)
      },
      report: { line in
        var bytes = Array("\(line)\n".utf8)
        _ = write(2, &bytes, bytes.count)
      })
    if try !runner.run() { throw ExitCode(1) }
  }

  private static func printMutants() {
    print("mutants")
    let width = MutantCatalog.all.map(\.name.count).max() ?? 0
    for mutant in MutantCatalog.all {
      let gap = String(repeating: " ", count: width - mutant.name.count)
      print("  \(mutant.name)\(gap)  \(mutant.about)")
    }
  }
}
