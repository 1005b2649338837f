package import Codec
import Engine
package import Transaction

// Flashback of a range. The range must not be read or written meanwhile, which nothing here prevents: the region has no
// state for it.
extension TransactionCommands {
  /// The first phase: rolls back the locks of the range and locks the mark of the flashback.
  package func prepareFlashback(
    _ context: RequestContext, _ command: FlashbackToVersion,
    on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<Void, TransactionFailure>) -> Void
  ) {
    find(context, from: [], in: command.range, on: executor, done) {
      snapshot, range throws(TransactionError) in
      let keys = try command.cut(to: range).findLocks(snapshot)
      let mark = keys.isEmpty ? try command.cut(to: range).findMark(snapshot) : nil
      return (keys, mark)
    } then: { [self] keys, mark in
      guard keys.isEmpty else {
        let write = WriteCommand(
          context, keys: keys.map(\.encoded), deadline: deadline(of: context)
        ) { snapshot throws(TransactionError) in try command.rollBack(snapshot, keys) }
        return run(write, on: executor) { [self] result in
          guard case .success = result else { return done(result) }
          executor { [self] in prepareFlashback(context, command, on: executor, done) }
        }
      }
      guard let mark else { return done(.success(())) }
      let write = WriteCommand(
        context, keys: [mark.encoded], deadline: deadline(of: context)
      ) { snapshot throws(TransactionError) in try command.prepare(snapshot, mark) }
      run(write, on: executor, done)
    }
  }

  /// The second phase: writes the versions and commits the mark.
  package func flashback(
    _ context: RequestContext, _ command: FlashbackToVersion, commitTS: Timestamp,
    on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<Void, TransactionFailure>) -> Void
  ) {
    guard commitTS > command.startTS else {
      return done(
        .failure(
          .transaction(.invalidTimestampOrder(startTS: command.startTS, commitTS: commitTS))))
    }
    find(context, from: [], in: command.range, on: executor, done) {
      snapshot, range throws(TransactionError) in
      guard let mark = try command.cut(to: range).findMark(snapshot) else {
        return (mark: MVCCKey?.none, isPrepared: false)
      }
      let lock = try MVCCReader(snapshot).lock(mark)
      return (mark, lock?.startTS == command.startTS)
    } then: { [self] mark, isPrepared in
      guard let mark else { return done(.success(())) }
      // Without the lock it is over, or was never prepared: the commit says which.
      guard isPrepared else {
        return commitMark(mark, context, command, commitTS, on: executor, done)
      }
      writeVersions(mark, from: [], context, command, commitTS, on: executor, done)
    }
  }

  private func writeVersions(
    _ mark: MVCCKey, from start: [UInt8], _ context: RequestContext,
    _ command: FlashbackToVersion, _ commitTS: Timestamp, on executor: @escaping StorageExecutor,
    _ done: @escaping Done<Void>
  ) {
    find(context, from: start, in: command.range, on: executor, done) {
      snapshot, range throws(TransactionError) in
      try command.findKeys(snapshot, in: range, commitTS: commitTS, except: mark)
    } then: { [self] keys in
      guard let last = keys.last else {
        return commitMark(mark, context, command, commitTS, on: executor, done)
      }
      let write = WriteCommand(
        context, keys: keys.map(\.encoded), deadline: deadline(of: context)
      ) { snapshot throws(TransactionError) in
        try command.write(snapshot, keys, commitTS: commitTS)
      }
      run(write, on: executor) { [self] result in
        guard case .success = result else { return done(result) }
        executor { [self] in
          writeVersions(
            mark, from: last.encoded + [0], context, command, commitTS, on: executor, done)
        }
      }
    }
  }

  private func commitMark(
    _ mark: MVCCKey, _ context: RequestContext, _ command: FlashbackToVersion,
    _ commitTS: Timestamp, on executor: @escaping StorageExecutor, _ done: @escaping Done<Void>
  ) {
    let write = WriteCommand(
      context, keys: [mark.encoded], deadline: deadline(of: context)
    ) { snapshot throws(TransactionError) in
      try command.commit(snapshot, mark, at: commitTS)
    }
    run(write, on: executor, done)
  }
}

extension FlashbackToVersion {
  fileprivate func cut(to range: KeyRange) -> FlashbackToVersion {
    FlashbackToVersion(range: range, version: version, startTS: startTS)
  }
}
