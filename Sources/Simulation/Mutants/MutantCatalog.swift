/// All mutants there are.
package enum MutantCatalog {
  package static let all: [Mutant] = []
}
