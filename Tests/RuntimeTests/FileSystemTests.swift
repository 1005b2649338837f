import Foundation
import Runtime
import Testing

/// The same behaviour from the machine's files and from those in memory.
struct FileSystemTests {
  enum Kind: CaseIterable { case system, memory }

  struct Place {
    let files: any FileSystem
    let root: String

    init(_ kind: Kind) throws {
      switch kind {
      case .system:
        files = SystemFileSystem()
        root = NSTemporaryDirectory() + "apus-files-\(UUID().uuidString)"
      case .memory:
        files = MemoryFileSystem()
        root = "/root"
      }
      try files.createDirectory(root + "/a/b")
    }

    func remove() throws { try files.removeTree(root) }
  }

  @Test(arguments: Kind.allCases) func writesReadsRenamesLists(_ kind: Kind) throws {
    let place = try Place(kind)
    defer { try? place.remove() }
    let file = try place.files.create(place.root + "/a/x.tmp", exclusive: true)
    try file.append([1, 2, 3])
    try file.append([4, 5])
    try file.sync()
    try place.files.rename(place.root + "/a/x.tmp", to: place.root + "/a/x")
    try place.files.syncDirectory(place.root + "/a")
    #expect(try place.files.list(place.root + "/a") == ["b", "x"])
    #expect(try place.files.size(of: place.root + "/a/x") == 5)
    #expect(try place.files.contents(of: place.root + "/a/x") == [1, 2, 3, 4, 5])
    let reader = try place.files.open(place.root + "/a/x")
    #expect(try reader.read(at: 3, upTo: 10) == [4, 5])
    #expect(try reader.read(at: 5, upTo: 10).isEmpty)
  }

  @Test(arguments: Kind.allCases) func exclusiveCreationRefusesAnExistingFile(_ kind: Kind) throws {
    let place = try Place(kind)
    defer { try? place.remove() }
    try place.files.create(place.root + "/x", exclusive: true).append([9])
    #expect(throws: FileSystemError.self) {
      try place.files.create(place.root + "/x", exclusive: true)
    }
    #expect(try place.files.contents(of: place.root + "/x") == [9])
    _ = try place.files.create(place.root + "/x", exclusive: false)
    #expect(try place.files.size(of: place.root + "/x") == 0)
  }

  @Test(arguments: Kind.allCases) func missingFilesAreErrorsOrNothing(_ kind: Kind) throws {
    let place = try Place(kind)
    defer { try? place.remove() }
    #expect(try place.files.size(of: place.root + "/none") == nil)
    try place.files.remove(place.root + "/none")
    #expect(throws: FileSystemError.self) { try place.files.open(place.root + "/none") }
    #expect(throws: FileSystemError.self) { try place.files.list(place.root + "/none") }
    #expect(throws: FileSystemError.self) {
      try place.files.rename(place.root + "/none", to: place.root + "/other")
    }
  }

  @Test func aFileMayClaimAnyTime() throws {
    let place = try Place(.system)
    defer { try? place.remove() }
    let path = place.root + "/old"
    try place.files.create(path, exclusive: true).append([1])
    for (seconds, milliseconds) in [(-1, 0), (-(1 << 40), 0), (5, 5000)] as [(Int, UInt64)] {
      var times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
      // Some file systems know no such time and keep the nearest.
      #expect(utimensat(AT_FDCWD, path, &times, 0) == 0)
      let found = try #require(try place.files.modificationTime(of: path))
      #expect(seconds > 0 ? found == milliseconds : found < 1 << 50)
    }
  }

  @Test func aCrashKeepsOnlyWhatWasSynced() throws {
    let files = MemoryFileSystem()
    try files.createDirectory("/d")
    let kept = try files.create("/d/kept", exclusive: true)
    try kept.append([1, 2])
    try kept.sync()
    try files.syncDirectory("/d")
    try kept.append([3])
    let lost = try files.create("/d/lost", exclusive: true)
    try lost.append([4])
    try lost.sync()
    files.crash()
    #expect(try files.list("/d") == ["kept"])
    #expect(try files.contents(of: "/d/kept") == [1, 2])
  }
}
