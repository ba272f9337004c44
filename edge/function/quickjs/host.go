package quickjs

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // the functions' own choice
	"crypto/sha1" //nolint:gosec // the functions' own choice
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strings"
	"time"
)

// Host is what a run can ask.
type Host struct {
	// Now is the time, all through the run.
	Now time.Time
	// Log takes a line that the function wrote. Nil: nobody wants it.
	Log func(line string)
	// Random returns random bits.
	Random func() uint64
	// Ask answers what this package knows nothing of: a question and what it is about.
	// "environment" asks for what there is beside the event, as JSON. False: there is no answer. Nil: there never is.
	Ask func(question, about, key string) (string, bool)
	// Pause is called whenever a run has taken another SliceFuel and wants more: code of an
	// engine is preempted by nobody. An error ends the run, which returns it. Nil: none
	// pauses.
	Pause func() error
}

// What the modules of this package ask the host for, by number (setup.js).
const (
	hostResult = iota
	hostFailed
	hostLog
	hostRandom
	hostDigest
	hostAsk
	hostUTF8
	hostBytes
	hostValue
)

// called answers a call of the host's function: its arguments are count values at the
// address.
func (i *Instance) called(count, at uint32) {
	args := make([]value, 0, 8)
	for n := range min(count, 64) {
		v, _ := i.memory.ReadUint64Le(at + 8*n)
		args = append(args, value(v))
	}
	result, err := i.answer(args)
	if err != nil {
		panic(err) // which ends the run
	}
	i.memory.WriteUint64Le(resultAddress, uint64(result))
}

func (i *Instance) answer(args []value) (value, error) {
	if len(args) == 0 || args[0].tag() != tagInt {
		return undefined, nil
	}
	what, args := uint32(args[0]), args[1:]
	if what == hostRandom {
		if i.host == nil || i.host.Random == nil {
			return number(0), nil
		}
		return number(int32(i.host.Random())), nil
	}
	if what == hostValue {
		taken, err := i.takeValue(args)
		return number(taken), err
	}
	texts := make([]string, len(args))
	for n, v := range args {
		s, err := i.text(v)
		if err != nil {
			return 0, err
		}
		if texts[n] = s; !i.spend(int32(len(s) >> bytesPerFuel)) {
			return 0, errNoFuel
		}
	}
	texts = append(texts, "", "", "")
	switch what {
	case hostResult:
		v, err := ParseJSON([]byte(texts[0]))
		if texts[0] != "" && err != nil {
			i.done, i.made.Failed = true, "The function returned a value of which "+err.Error()+"."
			return undefined, nil //nolint:nilerr // it is the function's
		}
		i.done, i.made.Returned = true, v
	case hostFailed:
		i.done, i.made.Failed = true, texts[0]
	case hostLog:
		if i.host != nil && i.host.Log != nil {
			i.host.Log(texts[0])
		}
	case hostDigest:
		return i.newString(digest(texts[0], texts[1], texts[2], texts[3:len(args)]))
	case hostAsk:
		if i.host == nil || i.host.Ask == nil {
			return undefined, nil
		}
		if s, found := i.host.Ask(texts[0], texts[1], texts[2]); found {
			return i.newString(s)
		}
	case hostUTF8: // of bytes
		return i.newString(strings.ToValidUTF8(bytesOf(texts[0]), "\ufffd"))
	case hostBytes: // of UTF-8
		return i.newString(ofBytes(texts[0]))
	}
	return undefined, nil
}

// takeValue takes what the handler returned: 0 where that is more than data, or too much,
// and JSON is to be made of it.
func (i *Instance) takeValue(args []value) (taken int32, err error) {
	if len(args) == 0 || args[0].tag() == tagUndefined {
		i.done = true
		return 1, nil
	}
	const sizeAt = resultAddress + 8
	p, err := i.call("JS_WriteObject", uint64(i.context), sizeAt, uint64(args[0]), 0)
	if err != nil {
		return 0, err
	}
	if p == 0 {
		v, err := i.call("JS_GetException", uint64(i.context))
		if err != nil {
			return 0, err
		}
		return 0, i.free(value(v))
	}
	n, _ := i.memory.ReadUint32Le(sizeAt)
	b, ok := i.memory.Read(uint32(p), n)
	if !ok {
		return 0, errOutOfMemory
	}
	text := string(b)
	if _, err := i.call("free", p); err != nil {
		return 0, err
	}
	if !i.spend(int32(n >> bytesPerFuel)) {
		return 0, errNoFuel
	}
	v, err := readWire(text, i.engine.atoms, i.nodes[:0])
	if err != nil {
		return 0, nil //nolint:nilerr // JSON is another way
	}
	i.nodes = v[:0]
	i.done, i.made.Returned = true, v
	return 1, nil
}

// digest is the hash, in hexadecimal digits, of parts: each of them a kind, "u" for a text
// and "b" for bytes, and what it is. With a key's kind it is an HMAC.
func digest(algorithm, keyKind, key string, parts []string) string {
	algorithms := map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New}
	of := func(kind, s string) []byte {
		if kind == "b" {
			s = bytesOf(s)
		}
		return []byte(s)
	}
	h := algorithms[algorithm]
	if h == nil {
		return ""
	}
	sum := h()
	if keyKind != "" {
		sum = hmac.New(h, of(keyKind, key))
	}
	for n := 0; n+1 < len(parts); n += 2 {
		sum.Write(of(parts[n], parts[n+1]))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// bytesOf are the bytes that a string has one character each for.
func bytesOf(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

// ofBytes is the string with one character for each byte.
func ofBytes(s string) string {
	var b strings.Builder
	for n := range len(s) {
		b.WriteRune(rune(s[n]))
	}
	return b.String()
}
