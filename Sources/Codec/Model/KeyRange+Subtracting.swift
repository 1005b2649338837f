extension KeyRange {
  /// What is left of the range without `others`, in order of keys.
  package func subtracting(_ others: [KeyRange]) -> [KeyRange] {
    var left = isEmpty ? [] : [self]
    for other in others where !other.isEmpty {
      left = left.flatMap { piece in
        guard piece.overlaps(other) else { return [piece] }
        var parts: [KeyRange] = []
        if precedes(piece.start, other.start) {
          parts.append(KeyRange(start: piece.start, end: other.start))
        }
        if !other.end.isEmpty, piece.end.isEmpty || precedes(other.end, piece.end) {
          parts.append(KeyRange(start: other.end, end: piece.end))
        }
        return parts
      }
    }
    return left
  }
}
