// Package load decides which part of the viewers nearest to a POP is sent on to others,
// because the POP is busier than it should be. It is pure: reports and a now go in, parts
// come out; which viewers they are is package pick's to say.
//
// How one overload goes, with the default settings: the edges of a POP report at the checks,
// each second, how many requests they answer and how many they are to (their capacity). Once
// that has been above 80 % for three seconds, so much is sent on that 70 % should be left,
// reckoned from what comes now ([State.Step]). For the next minute nothing is changed: so
// long resolvers go by the answers they had. If it is above 80 % still, or
// again, the next step is made. Between 60 and 80 % all stays as it is. Once it has been below
// 60 %, so much is called back that it should be at 70 % again, but half of what is away at
// most, minute by minute, until nobody is.
//
// What CloudFront does with an edge location that is too busy is not published (belief 233).
//
// It promises:
//
//   - A POP below its limit sends nobody away who was not away before.
//   - A POP sends nobody away while no other has room that all its viewers may be sent to: in
//     an overload of all, everybody goes to the nearest.
//   - What is not known is no overload: a POP whose edges do not report sends nobody away.
package load
