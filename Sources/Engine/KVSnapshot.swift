/// The state of an engine at one moment, kept for as long as the object lives.
package protocol KVSnapshot: KVReader, AnyObject {}
