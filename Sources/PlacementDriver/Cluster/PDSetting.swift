/// A setting of PD that can be changed at run time, under PD's name.
package struct PDSetting: Sendable {
  /// The part of PD's configuration that the setting belongs to.
  package enum Section: Sendable, Hashable {
    case schedule
    case replication
  }

  /// What a setting is set to.
  package enum Value: Sendable, Hashable {
    case integer(Int)
    case number(Double)
    case flag(Bool)
    case text(String)
    case duration(Duration)
  }

  package let name: String
  package let section: Section
  package let get: @Sendable (PDConfig) -> Value
  /// Throws when the text is not a value of the setting.
  let set: @Sendable (inout PDConfig, String) throws(PDError) -> Void

  static func named(_ name: String) -> PDSetting? { all.first { $0.name == name } }

  static let maxReplicas = integer(
    "max-replicas", 1...100, \.maxReplicas, section: .replication)

  package static let all: [PDSetting] = [
    integer("leader-schedule-limit", 0...100_000, \.leaderScheduleLimit),
    integer("region-schedule-limit", 0...100_000, \.balanceScheduleLimit),
    integer("replica-schedule-limit", 0...100_000, \.replicaScheduleLimit),
    integer("max-snapshot-count", 1...100_000, \.maxSnapshotCount),
    integer("max-pending-peer-count", 1...1_000_000, \.maxPendingPeerCount),
    number("tolerant-size-ratio", 0...1_000_000, \.tolerantSizeRatio),
    number("low-space-ratio", 0...1, \.lowSpaceRatio),
    number("store-limit", 0...StoreLimits.unlimited, \.storeLimit),
    duration("max-store-down-time", \.maxStoreDownTime),
    flag("enable-remove-down-replica", \.replicas.removesDownReplicas),
    flag("enable-replace-offline-replica", \.replicas.replacesOfflineReplicas),
    flag("enable-make-up-replica", \.replicas.makesUpReplicas),
    flag("enable-remove-extra-replica", \.replicas.removesExtraReplicas),
    flag("enable-location-replacement", \.replicas.replacesForLocation),
    integer("hot-region-schedule-limit", 0...100_000, \.hotRegions.scheduleLimit),
    integer("hot-region-cache-hits-threshold", 1...100, \.hotRegions.hits),
    flag("enable-joint-consensus", \.replicas.usesJointConsensus),
    integer("merge-schedule-limit", 0...100_000, \.merging.scheduleLimit),
    integer("max-merge-region-size", 0...1_000_000, \.merging.maxMebibytes),
    integer("max-merge-region-keys", 0...1_000_000_000, \.merging.maxKeyCount),
    duration("split-merge-interval", \.merging.splitMergeInterval),
    flag("enable-one-way-merge", \.merging.isOneWay),
    integer("region-max-size", 1...1_000_000, \.merging.regionMaxMebibytes),
    integer("region-split-size", 1...1_000_000, \.merging.regionSplitMebibytes),
    maxReplicas,
    labels("location-labels", \.replicas.locationLabels),
    text("isolation-level", \.replicas.isolationLevel),
  ]

  // MARK: Kinds

  private typealias Field<Value> = any WritableKeyPath<PDConfig, Value> & Sendable

  private static func refusal(_ name: String, _ text: String, _ expected: String) -> PDError {
    PDError(
      .invalidArgument, "invalid value '\(text.prefix(256))' of \(name): expected \(expected)")
  }

  private static func integer(
    _ name: String, _ range: ClosedRange<Int>, _ field: Field<Int>,
    section: Section = .schedule
  ) -> PDSetting {
    PDSetting(name: name, section: section, get: { .integer($0[keyPath: field]) }) {
      (config, text) throws(PDError) in
      guard let value = Int(text), range.contains(value) else {
        throw refusal(name, text, "a whole number from \(range.lowerBound) to \(range.upperBound)")
      }
      config[keyPath: field] = value
    }
  }

  private static func number(
    _ name: String, _ range: ClosedRange<Double>, _ field: Field<Double>
  ) -> PDSetting {
    PDSetting(name: name, section: .schedule, get: { .number($0[keyPath: field]) }) {
      (config, text) throws(PDError) in
      guard let value = Double(text), range.contains(value) else {
        throw refusal(name, text, "a number from \(range.lowerBound) to \(range.upperBound)")
      }
      config[keyPath: field] = value
    }
  }

  private static func flag(_ name: String, _ field: Field<Bool>) -> PDSetting {
    PDSetting(name: name, section: .schedule, get: { .flag($0[keyPath: field]) }) {
      (config, text) throws(PDError) in
      guard let value = Bool(text.lowercased()) else { throw refusal(name, text, "true or false") }
      config[keyPath: field] = value
    }
  }

  private static func duration(_ name: String, _ field: Field<Duration>) -> PDSetting {
    PDSetting(name: name, section: .schedule, get: { .duration($0[keyPath: field]) }) {
      (config, text) throws(PDError) in
      guard let value = parseDuration(text), value > .zero else {
        throw refusal(name, text, "a time such as 30m or 1h30m")
      }
      config[keyPath: field] = value
    }
  }

  private static func labels(_ name: String, _ field: Field<[String]>) -> PDSetting {
    PDSetting(
      name: name, section: .replication,
      get: { .text($0[keyPath: field].joined(separator: ",")) }
    ) { (config, text) throws(PDError) in
      let names = text.split(separator: ",").map(String.init)
      guard names.count <= 16, Set(names).count == names.count, names.allSatisfy(isLabelName) else {
        throw refusal(name, text, "distinct names of labels, separated by commas, 16 at most")
      }
      config[keyPath: field] = names
    }
  }

  private static func text(_ name: String, _ field: Field<String>) -> PDSetting {
    PDSetting(name: name, section: .replication, get: { .text($0[keyPath: field]) }) {
      (config, text) throws(PDError) in
      guard text.isEmpty || isLabelName(text) else { throw refusal(name, text, "a label's name") }
      config[keyPath: field] = text
    }
  }

  /// Letters, digits, `-`, `_`, `.` and `/`, 64 at most.
  static func isLabelName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 64
      && text.unicodeScalars.allSatisfy { scalar in
        scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
          || "-_./$".unicodeScalars.contains(scalar)
      }
  }

  /// A time as Go writes it: numbers with units `h`, `m`, `s` and `ms`, a year at most.
  static func parseDuration(_ text: String) -> Duration? {
    let milliseconds = ["h": 3_600_000.0, "m": 60_000, "s": 1000, "ms": 1]
    var rest = Substring(text)
    var total = 0.0
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      let unit = rest.dropFirst(number.count).prefix { $0.isLetter }
      guard let value = Double(number), let factor = milliseconds[String(unit)] else { return nil }
      total += value * factor
      rest = rest.dropFirst(number.count + unit.count)
    }
    guard total.isFinite, total <= 31_536_000_000 else { return nil }
    return .milliseconds(Int64(total))
  }
}
