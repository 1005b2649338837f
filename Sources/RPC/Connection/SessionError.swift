/// The peer broke HTTP/2 beyond repair.
struct SessionError: Error {
  let code: Int32
  let reason: String
}
