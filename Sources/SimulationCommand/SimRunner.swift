import Glibc
package import Simulation

/// Makes the runs that the flags of `sim` ask for, and prints them.
package struct SimRunner {
  private let flags: SimFlags
  private let command: String
  private let configure: (@Sendable (inout RunSetup) -> Void)?
  private let output: @Sendable (String) -> Void
  private let report: @Sendable (String) -> Void

  /// - Parameters:
  ///   - command: how the runs are repeated, but for the flags in `flags`.
  ///   - configure: changes every run before it begins: a mutant.
  ///   - output: takes each line of the output; called on any thread, one call at a time.
  ///   - report: takes lines of progress.
  package init(
    _ flags: SimFlags, command: String,
    configure: (@Sendable (inout RunSetup) -> Void)? = nil,
    output: @escaping @Sendable (String) -> Void, report: @escaping @Sendable (String) -> Void
  ) {
    self.flags = flags
    self.command = command + flags.repetition
    self.configure = configure
    self.output = output
    self.report = report
  }

  /// - Returns: whether all runs passed.
  package func run() throws -> Bool {
    let range = flags.range
    var template = try flags.options()
    template.configure = configure
    if flags.trace {
      var options = template
      options.sink = output
      _ = try Simulation(options).run()
    }
    let pool = RunPool(
      template: template, range: range,
      jobs: flags.jobs ?? min(range.count, ProcessorCount.online), stopsAtFirst: flags.first,
      isTwice: flags.twice)
    let printer = RunPrinter(
      command: command, isQuiet: flags.quiet && flags.seed == nil, output: output, report: report)
    let totals = try pool.run { printer.show($0) }
    output(totals.text)
    guard let worst = totals.firstFailure else { return true }
    if flags.shrink { try printer.shrink(worst, template) }
    return false
  }
}

/// How many threads can run at a time.
enum ProcessorCount {
  static var online: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
