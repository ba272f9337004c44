// Package pick decides which edge serves a viewer. It is pure: the same table
// and the same place give the same answer on every machine, and no clock, load
// or randomness enters it.
//
// [New] takes the edge locations and the registered edges with what the health
// checks say of them, and works out once, for every price class and address
// family, which edges may be answered. A decision then scans that [Pool] for
// the least great-circle distance ([Pool.Nearest]) and takes one node of the POP
// by rendezvous hashing ([Site.Node]). [Table.Rank] gives the same decision with
// every POP and the reason it was passed over.
//
// It promises:
//
//   - A POP outside the price class is never chosen, whatever is down, unless the
//     operator's [Policy] says otherwise.
//   - Only healthy edges are chosen while the class has one. When it has none,
//     the checks say more about the checker than about the edges, so the edges
//     that were good last are answered; see [Pool.Degraded].
//   - Of two POPs at the same distance the one with the lower number wins.
//   - While a POP keeps a node, the distributions that hash to it stay on it.
package pick
