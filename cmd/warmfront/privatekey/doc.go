// Package privatekey is the commands that work with a private key of the user's own, which no
// part of the network has: sign, for private content, and decrypt, for what field-level
// encryption has encrypted. Both are what an application does with AWS's libraries.
package privatekey
