// Package pick decides which edges serve a viewer. It is pure: the same table, the
// same conditions and the same place give the same answer on every machine, and no clock or
// randomness enters it.
//
// [New] takes the edge locations and the registered edges with what the health
// checks say of them, and works out once, for every price class and address
// family, which edges may be answered. A decision then looks up, or scans that [Pool] for,
// the least great-circle distance ([Pool.Find], [Pool.Nearest]). Where that POP is over its
// limit of load, a part of the blocks of viewers nearest to it, told by a hash, is
// sent on to the next nearest that has room for them ([Block]). Of the POP a few
// nodes are answered, by rendezvous hashing of the distribution and the block
// ([Choice.Addresses]). [Table.Rank] gives the same decision with every POP and the reason
// it was passed over.
//
// It promises:
//
//   - A POP outside the price class is never chosen, whatever is down or loaded, unless the
//     operator's [Policy] says otherwise.
//   - Only healthy edges are chosen while the class has one. When it has none,
//     the checks say more about the checker than about the edges, so the edges
//     that were good last are answered; see [Pool.Degraded].
//   - Of two POPs at the same distance the one with the lower number wins.
//   - While no POP is over its limit, load does not enter the answer. While one is, viewers
//     nearest to others are answered as before.
//   - A block is sent on as a whole. The larger the part that is, the more blocks, and never
//     others instead: they move over once, and return in the reverse order.
//   - While a POP keeps a node, what hashes to it first stays on it.
package pick
