import RocksDB
import Testing

struct RocksDBErrorTests {
  @Test(arguments: [
    ("Corruption: block checksum mismatch", RocksDBError.Kind.corruption),
    ("IO error: No space left on device: While appending to file: /x", .noSpace),
    ("IO error: While lock file: /x/LOCK: Resource temporarily unavailable", .locked),
    ("IO error: lock hold by current process, acquire time 1", .locked),
    ("IO error: While open a file for lock: /x/LOCK: Permission denied", .denied),
    ("IO error: While mkdir if missing: /x: Read-only file system", .denied),
    ("IO error: No such file or directory: While opening", .notFound),
    ("IO error: While fsync: Input/output error", .io),
    ("Invalid argument: Column families not opened: x", .invalid),
    ("Invalid argument: /x: does not exist (create_if_missing is false)", .notFound),
    ("NotFound: ", .notFound),
    ("Resource busy: ", .locked),
    ("Shutdown in progress: ", .other),
  ])
  func kindsFollowRocksDBMessages(message: String, kind: RocksDBError.Kind) {
    #expect(RocksDBError(operation: "test", message: message).kind == kind)
  }
}
