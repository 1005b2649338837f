import Runtime

/// The result of a region's last operator, kept for queries.
struct FinishedOperator: Sendable {
  var kind: Operator.Kind
  var description: String
  var status: Operator.Status
  var at: Instant
}
