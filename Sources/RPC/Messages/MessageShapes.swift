import FoundationEssentials
import Protobuf
import SwiftProtobuf
import Synchronization

/// The shapes of SwiftProtobuf's messages, found by asking a message to decode each of its fields.
enum MessageShapes {
  private static let known = Mutex<[ObjectIdentifier: MessageShape]>([:])

  /// Found once for each type.
  static func shape<M: Message>(of type: M.Type) -> MessageShape {
    known.withLock { known in
      if let shape = known[ObjectIdentifier(type)] { return shape }
      let shape = find(type)
      known[ObjectIdentifier(type)] = shape
      return shape
    }
  }

  private static func find<M: Message>(_ type: M.Type) -> MessageShape {
    let search = ShapeSearch()
    _ = search.node(of: type)
    while let next = search.pending.popLast() { next() }
    return MessageShape(search.nodes)
  }
}

/// The kinds of messages found so far.
private final class ShapeSearch {
  var nodes: [[Int: MessageShape.Field]] = []
  /// Fills in nodes.
  var pending: [() -> Void] = []
  private var indices: [ObjectIdentifier: Int] = [:]

  /// Field numbers above are none of ours.
  static let lastField = 300

  func node<M: Message>(of type: M.Type) -> Int {
    if let index = indices[ObjectIdentifier(type)] { return index }
    let index = add()
    indices[ObjectIdentifier(type)] = index
    pending.append {
      var decoder = FieldRecorder(search: self)
      var message = M()
      do {
        try message.decodeMessage(decoder: &decoder)
      } catch {
        // The recorder throws nothing.
        preconditionFailure("\(type) refused to name its fields: \(error)")
      }
      self.nodes[index] = decoder.fields
    }
    return index
  }

  /// A node of an entry of a map.
  func node(ofEntry value: MessageShape.Field?) -> Int {
    let index = add()
    nodes[index] = [1: .text]
    nodes[index][2] = value
    return index
  }

  private func add() -> Int {
    nodes.append([:])
    return nodes.count - 1
  }
}

/// A decoder that has each field once, reads nothing, and notes what is asked for.
private struct FieldRecorder: Decoder {
  let search: ShapeSearch
  var fields: [Int: MessageShape.Field] = [:]
  private var current = 0

  init(search: ShapeSearch) { self.search = search }

  mutating func nextFieldNumber() throws -> Int? {
    current += 1
    return current <= ShapeSearch.lastField ? current : nil
  }

  private mutating func note(_ field: MessageShape.Field) { fields[current] = field }

  mutating func handleConflictingOneOf() throws {}

  // MARK: Messages

  mutating func decodeSingularMessageField<M: Message>(value: inout M?) throws {
    note(.message(search.node(of: M.self)))
  }
  mutating func decodeRepeatedMessageField<M: Message>(value: inout [M]) throws {
    note(.message(search.node(of: M.self)))
  }
  mutating func decodeMapField<Key, Value: MapValueType>(
    fieldType: _ProtobufMap<Key, Value>.Type, value: inout _ProtobufMap<Key, Value>.BaseType
  ) throws { note(.message(search.node(ofEntry: .text))) }
  mutating func decodeMapField<Key, Value>(
    fieldType: _ProtobufEnumMap<Key, Value>.Type,
    value: inout _ProtobufEnumMap<Key, Value>.BaseType
  ) throws where Value.RawValue == Int { note(.message(search.node(ofEntry: nil))) }
  mutating func decodeMapField<Key, Value>(
    fieldType: _ProtobufMessageMap<Key, Value>.Type,
    value: inout _ProtobufMessageMap<Key, Value>.BaseType
  ) throws { note(.message(search.node(ofEntry: .message(search.node(of: Value.self))))) }

  // MARK: Text and bytes

  mutating func decodeSingularStringField(value: inout String) throws { note(.text) }
  mutating func decodeSingularStringField(value: inout String?) throws { note(.text) }
  mutating func decodeRepeatedStringField(value: inout [String]) throws { note(.text) }
  mutating func decodeSingularBytesField(value: inout Data) throws {}
  mutating func decodeSingularBytesField(value: inout Data?) throws {}
  mutating func decodeRepeatedBytesField(value: inout [Data]) throws { note(.strings) }

  // MARK: Numbers

  mutating func decodeSingularFloatField(value: inout Float) throws {}
  mutating func decodeSingularFloatField(value: inout Float?) throws {}
  mutating func decodeRepeatedFloatField(value: inout [Float]) throws { note(.words) }
  mutating func decodeSingularDoubleField(value: inout Double) throws {}
  mutating func decodeSingularDoubleField(value: inout Double?) throws {}
  mutating func decodeRepeatedDoubleField(value: inout [Double]) throws { note(.doubleWords) }
  mutating func decodeSingularInt32Field(value: inout Int32) throws {}
  mutating func decodeSingularInt32Field(value: inout Int32?) throws {}
  mutating func decodeRepeatedInt32Field(value: inout [Int32]) throws { note(.numbers) }
  mutating func decodeSingularInt64Field(value: inout Int64) throws {}
  mutating func decodeSingularInt64Field(value: inout Int64?) throws {}
  mutating func decodeRepeatedInt64Field(value: inout [Int64]) throws { note(.numbers) }
  mutating func decodeSingularUInt32Field(value: inout UInt32) throws {}
  mutating func decodeSingularUInt32Field(value: inout UInt32?) throws {}
  mutating func decodeRepeatedUInt32Field(value: inout [UInt32]) throws { note(.numbers) }
  mutating func decodeSingularUInt64Field(value: inout UInt64) throws {}
  mutating func decodeSingularUInt64Field(value: inout UInt64?) throws {}
  mutating func decodeRepeatedUInt64Field(value: inout [UInt64]) throws { note(.numbers) }
  mutating func decodeSingularSInt32Field(value: inout Int32) throws {}
  mutating func decodeSingularSInt32Field(value: inout Int32?) throws {}
  mutating func decodeRepeatedSInt32Field(value: inout [Int32]) throws { note(.numbers) }
  mutating func decodeSingularSInt64Field(value: inout Int64) throws {}
  mutating func decodeSingularSInt64Field(value: inout Int64?) throws {}
  mutating func decodeRepeatedSInt64Field(value: inout [Int64]) throws { note(.numbers) }
  mutating func decodeSingularFixed32Field(value: inout UInt32) throws {}
  mutating func decodeSingularFixed32Field(value: inout UInt32?) throws {}
  mutating func decodeRepeatedFixed32Field(value: inout [UInt32]) throws { note(.words) }
  mutating func decodeSingularFixed64Field(value: inout UInt64) throws {}
  mutating func decodeSingularFixed64Field(value: inout UInt64?) throws {}
  mutating func decodeRepeatedFixed64Field(value: inout [UInt64]) throws { note(.doubleWords) }
  mutating func decodeSingularSFixed32Field(value: inout Int32) throws {}
  mutating func decodeSingularSFixed32Field(value: inout Int32?) throws {}
  mutating func decodeRepeatedSFixed32Field(value: inout [Int32]) throws { note(.words) }
  mutating func decodeSingularSFixed64Field(value: inout Int64) throws {}
  mutating func decodeSingularSFixed64Field(value: inout Int64?) throws {}
  mutating func decodeRepeatedSFixed64Field(value: inout [Int64]) throws { note(.doubleWords) }
  mutating func decodeSingularBoolField(value: inout Bool) throws {}
  mutating func decodeSingularBoolField(value: inout Bool?) throws {}
  mutating func decodeRepeatedBoolField(value: inout [Bool]) throws { note(.numbers) }
  mutating func decodeSingularEnumField<E: Enum>(value: inout E) throws where E.RawValue == Int {}
  mutating func decodeSingularEnumField<E: Enum>(value: inout E?) throws where E.RawValue == Int {}
  mutating func decodeRepeatedEnumField<E: Enum>(value: inout [E]) throws
  where E.RawValue == Int { note(.numbers) }

  // MARK: What no message of ours has

  mutating func decodeSingularGroupField<G: Message>(value: inout G?) throws {}
  mutating func decodeRepeatedGroupField<G: Message>(value: inout [G]) throws {}
  mutating func decodeExtensionField(
    values: inout ExtensionFieldValueSet, messageType: any Message.Type, fieldNumber: Int
  ) throws {}
}
