/// The data of a stream's next DATA frame.
enum OutgoingChunk {
  /// Nothing yet.
  case none
  case some(Int)
  /// These bytes are the last; trailers may follow.
  case last(Int, withTrailers: Bool)
}
