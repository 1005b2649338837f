import Foundation
import Runtime
import TestSupport
import Testing

/// Both file systems behave alike.
struct FileSystemTests {
  enum Kind: CaseIterable { case system, memory }

  struct FileSystemUnderTest {
    let files: any FileSystem
    let root: String
    /// Nil in memory.
    private let directory: TemporaryDirectory?

    init(_ kind: Kind) throws {
      switch kind {
      case .system:
        let directory = try TemporaryDirectory("files")
        self.directory = directory
        files = SystemFileSystem()
        root = directory.path
      case .memory:
        directory = nil
        files = MemoryFileSystem()
        root = "/root"
      }
      try files.createDirectory(root + "/a/b")
    }
  }

  @Test(arguments: Kind.allCases) func writesReadsRenamesLists(_ kind: Kind) throws {
    let test = try FileSystemUnderTest(kind)
    let file = try test.files.create(test.root + "/a/x.tmp", exclusive: true)
    try file.append([1, 2, 3])
    try file.append([4, 5])
    try file.sync()
    try test.files.rename(test.root + "/a/x.tmp", to: test.root + "/a/x")
    try test.files.syncDirectory(test.root + "/a")
    #expect(try test.files.list(test.root + "/a") == ["b", "x"])
    #expect(try test.files.size(of: test.root + "/a/x") == 5)
    #expect(try test.files.contents(of: test.root + "/a/x") == [1, 2, 3, 4, 5])
    let reader = try test.files.open(test.root + "/a/x")
    #expect(try reader.read(at: 3, upTo: 10) == [4, 5])
    #expect(try reader.read(at: 5, upTo: 10).isEmpty)
  }

  @Test(arguments: Kind.allCases) func exclusiveCreationRefusesAnExistingFile(_ kind: Kind) throws {
    let test = try FileSystemUnderTest(kind)
    try test.files.create(test.root + "/x", exclusive: true).append([9])
    #expect(throws: FileSystemError.self) {
      try test.files.create(test.root + "/x", exclusive: true)
    }
    #expect(try test.files.contents(of: test.root + "/x") == [9])
    _ = try test.files.create(test.root + "/x", exclusive: false)
    #expect(try test.files.size(of: test.root + "/x") == 0)
  }

  @Test(arguments: Kind.allCases) func missingFilesAreErrorsOrNothing(_ kind: Kind) throws {
    let test = try FileSystemUnderTest(kind)
    #expect(try test.files.size(of: test.root + "/none") == nil)
    try test.files.remove(test.root + "/none")
    #expect(throws: FileSystemError.self) { try test.files.open(test.root + "/none") }
    #expect(throws: FileSystemError.self) { try test.files.list(test.root + "/none") }
    #expect(throws: FileSystemError.self) {
      try test.files.rename(test.root + "/none", to: test.root + "/other")
    }
  }

  @Test func aFileMayHaveAnyModificationTime() throws {
    let test = try FileSystemUnderTest(.system)
    let path = test.root + "/old"
    try test.files.create(path, exclusive: true).append([1])
    for (seconds, milliseconds) in [(-1, 0), (-(1 << 40), 0), (5, 5000)] as [(Int, UInt64)] {
      var times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
      // Some file systems know no such time and keep the nearest.
      #expect(utimensat(AT_FDCWD, path, &times, 0) == 0)
      let found = try #require(try test.files.modificationTime(of: path))
      #expect(seconds > 0 ? found == milliseconds : found < 1 << 50)
    }
  }

  @Test func aCrashKeepsOnlySyncedContents() throws {
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
