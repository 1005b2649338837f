import Runtime

/// What became of a region's last operator, kept for a while for those who ask.
struct FinishedOperator: Sendable {
  var kind: Operator.Kind
  var description: String
  var status: Operator.Status
  var at: Instant
}
