import Runtime

/// The time for which a leader may serve reads alone: until `end`, within one term.
struct Lease: Equatable {
  var term: UInt64
  var end: Instant
}
