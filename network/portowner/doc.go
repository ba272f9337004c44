// Package portowner names who has a port that somebody else wants, so that an
// error can say whom to end.
package portowner
