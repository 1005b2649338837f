import Codec
import Transaction
import Wire

extension Prewrite {
  /// The command of a request.
  init(_ request: Kvrpcpb_PrewriteRequest) throws(TransactionError) {
    let isPessimistic = request.forUpdateTs != 0
    // Older Rust clients send the actions of the whole transaction, which are all the same, with the mutations of each
    // region.
    if isPessimistic, request.pessimisticActions.count < request.mutations.count {
      throw .invalidRequest(
        "\(request.mutations.count) mutations with \(request.pessimisticActions.count) "
          + "pessimistic actions")
    }
    guard request.txnFileChunks.isEmpty else {
      throw .invalidRequest("transaction files are not supported")
    }
    var mutations: [PrewriteMutation] = []
    mutations.reserveCapacity(request.mutations.count)
    for (index, mutation) in request.mutations.enumerated() {
      var mutation = try PrewriteMutation(mutation)
      if isPessimistic {
        mutation.action = try PrewriteMutation.PessimisticAction(request.pessimisticActions[index])
      }
      mutations.append(mutation)
    }
    for constraint in request.forUpdateTsConstraints {
      guard let index = Int(exactly: constraint.index), index < mutations.count else {
        throw .invalidRequest(
          "a for_update_ts constraint of mutation \(constraint.index) of \(mutations.count)")
      }
      mutations[index].expectedForUpdateTS = Timestamp(constraint.expectedForUpdateTs)
    }
    self.init(
      mutations, primary: [UInt8](request.primaryLock), startTS: Timestamp(request.startVersion))
    ttl = request.lockTtl
    txnSize = request.txnSize
    forUpdateTS = Timestamp(request.forUpdateTs)
    self.isPessimistic = isPessimistic
    minCommitTS = Timestamp(request.minCommitTs)
    maxCommitTS = Timestamp(request.maxCommitTs)
    // Some clients send secondaries without wanting async commit.
    if request.useAsyncCommit { secondaries = request.secondaries.map { [UInt8]($0) } }
    triesOnePhase = request.tryOnePc
    skipsConstraintCheck = request.skipConstraintCheck
    isRetry = request.context.isRetryRequest
    assertionLevel = try AssertionLevel(request.assertionLevel)
    txnSource = request.context.txnSource
  }

  /// The command of a flush of a pipelined transaction.
  init(_ request: Kvrpcpb_FlushRequest) throws(TransactionError) {
    let mutations = try request.mutations.map { mutation throws(TransactionError) in
      try PrewriteMutation(mutation)
    }
    self = try .flush(
      mutations, primary: [UInt8](request.primaryKey), startTS: Timestamp(request.startTs),
      generation: request.generation)
    ttl = request.lockTtl
    minCommitTS = max(minCommitTS, Timestamp(request.minCommitTs))
    assertionLevel = try AssertionLevel(request.assertionLevel)
    isRetry = request.context.isRetryRequest
    txnSource = request.context.txnSource
  }
}

extension PrewriteMutation {
  fileprivate init(_ mutation: Kvrpcpb_Mutation) throws(TransactionError) {
    let operation: Operation
    switch mutation.op {
    case .put: operation = .put([UInt8](mutation.value))
    case .del: operation = .delete
    case .lock: operation = .lock
    case .insert: operation = .insert([UInt8](mutation.value))
    case .checkNotExists: operation = .checkNotExists
    default: throw .invalidRequest("a prewrite with operation \(mutation.op.rawValue)")
    }
    guard let assertion = Assertion(rawValue: mutation.assertion.rawValue) else {
      throw .invalidRequest("unknown assertion \(mutation.assertion.rawValue)")
    }
    self.init(operation, key: [UInt8](mutation.key), assertion: assertion)
  }
}

extension PrewriteMutation.PessimisticAction {
  fileprivate init(
    _ action: Kvrpcpb_PrewriteRequest.PessimisticAction
  ) throws(TransactionError) {
    guard let known = Self(rawValue: action.rawValue) else {
      throw .invalidRequest("unknown pessimistic action \(action.rawValue)")
    }
    self = known
  }
}

extension AssertionLevel {
  fileprivate init(_ level: Kvrpcpb_AssertionLevel) throws(TransactionError) {
    guard let known = Self(rawValue: level.rawValue) else {
      throw .invalidRequest("unknown assertion level \(level.rawValue)")
    }
    self = known
  }
}
