// Package geo says where an address is, where the edge locations are, and how
// far apart two points lie. It is the only package that reads IP databases.
//
// It promises:
//
//   - Distance is the great-circle distance and nothing else: the same two
//     points give the same bits on every machine, and no randomness, load or
//     measurement enters it.
//   - A [Catalogue] is immutable. Every POP has a number n, fixed for ever,
//     that the lab addresses and X-Amz-Cf-Pop are built from.
//   - [DB.Locate] answers from memory, may be called by any number of
//     goroutines, and never blocks on a reload.
//   - A database that cannot be read never replaces one that can.
//
// How one lookup goes: the lab ranges come first (see [DB.Locate]), then the
// operator's files in the order given, then the bundled world database. The
// first database that holds the address decides; it is not corrected by the
// others. A record that names a city is a point. A record that names only a
// country is that country ([CountryLevel]): the coordinates such records carry
// are a centroid, in the US a reservoir in Kansas, where nobody lives. Its
// point is instead the best guess for an address of which only the country is
// known: the largest city of the POP catchment that holds most of the
// country's addresses (data/countries.csv, generated with the database).
//
// The bundled database sends 81.9 % of random IPv4 addresses to the right one of
// the 103 metropolitan POPs, judged by another vendor's database, at a mean
// detour of 184 km; scripts/geodb/README.md has the table and how to repeat it.
//
// [Place.Prefix] is the network around the address within which the answer
// holds, whichever databases had to be asked to find it. It is there for
// addresses that are not found, too, so that a DNS answer made for one of
// them can carry a true scope (RFC 7871, section 7.2.1).
//
// [DB.Table] gives the same places without their names, as one table of the whole address
// space, for those who must know which networks are nearest to which POP.
package geo
