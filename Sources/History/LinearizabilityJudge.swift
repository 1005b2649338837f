/// Judges whether a history of calls could have come from one store that does one thing at a time
/// (Herlihy and Wing 1990), by the search of Wing and Gong (1993) with Lowe's memory (2017).
package struct LinearizabilityJudge: Sendable {
  package init() {}

  package func judge(_ history: [Operation]) -> Verdict { .undecided("not built") }
}
