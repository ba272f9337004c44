package fieldencryption

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/cdn/fieldlevel"
)

func entity(t testing.TB, patterns ...string) (*fieldlevel.Entity, *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &fieldlevel.Entity{Provider: "payments", KeyName: "key-1", Key: &key.PublicKey, Patterns: patterns}, key
}

// reader takes a message apart, by the message format reference and by nothing of what
// writes one.
type reader struct{ rest []byte }

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		panic("the message is too short")
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}
func (r *reader) number() int  { return int(binary.BigEndian.Uint16(r.take(2))) }
func (r *reader) long() int    { return int(binary.BigEndian.Uint32(r.take(4))) }
func (r *reader) text() string { return string(r.take(r.number())) }

// open decrypts a message, and verifies all of it.
func open(m []byte, provider, name string, key *rsa.PrivateKey) (plain []byte, err error) {
	defer func() {
		if why := recover(); why != nil {
			err = errors.Join(err, errors.New(why.(string)))
		}
	}()
	r := &reader{m}
	if head := r.take(4); !bytes.Equal(head, []byte{0x01, 0x80, 0x03, 0x78}) {
		return nil, errors.New("another version, type or algorithm")
	}
	id := r.take(16)
	context := &reader{r.take(r.number())}
	if context.number() != 1 || context.text() != "aws-crypto-public-key" {
		return nil, errors.New("the encryption context is not the public key alone")
	}
	point, err := base64.StdEncoding.DecodeString(context.text())
	if err != nil {
		return nil, err
	}
	if r.number() != 1 || r.text() != provider || r.text() != name {
		return nil, errors.New("the data key is another one's")
	}
	secret, err := rsa.DecryptOAEP(sha256.New(), nil, key, []byte(r.text()), nil)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(r.take(6), []byte{2, 0, 0, 0, 0, 12}) {
		return nil, errors.New("it is not framed as it should be")
	}
	frame := r.long()
	derived, err := hkdf.Key(sha512.New384, secret, nil, "\x03\x78"+string(id), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	header := m[:len(m)-len(r.rest)]
	if _, err := gcm.Open(nil, r.take(12), r.take(16), header); err != nil {
		return nil, err
	}
	if plain, err = body(r, gcm, id, frame); err != nil {
		return nil, err
	}
	digest := sha512.Sum384(m[:len(m)-len(r.rest)])
	x, y := elliptic.UnmarshalCompressed(elliptic.P384(), point)
	if x == nil {
		return nil, errors.New("the point is none of the curve")
	}
	whole := append([]byte{4}, append(x.FillBytes(make([]byte, 48)), y.FillBytes(make([]byte, 48))...)...) // SEC 1 section 2.3.3
	signer, err := ecdsa.ParseUncompressedPublicKey(elliptic.P384(), whole)
	if err != nil {
		return nil, err
	}
	if !ecdsa.VerifyASN1(signer, digest[:], []byte(r.text())) || len(r.rest) > 0 {
		return nil, errors.New("the signature is wrong")
	}
	return plain, nil
}

func body(r *reader, gcm cipher.AEAD, id []byte, frame int) (plain []byte, err error) {
	for n := 1; ; n++ {
		at, size, content := r.long(), frame, "AWSKMSEncryptionClient Frame"
		last := at == 0xFFFFFFFF
		if last {
			at, content = r.long(), "AWSKMSEncryptionClient Final Frame"
		}
		iv := r.take(12)
		if last {
			size = r.long()
		}
		if at != n || size > frame {
			return nil, errors.New("the frames are out of order")
		}
		bound := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(append(bytes.Clone(id), content...), uint32(n)), uint64(size))
		if plain, err = gcm.Open(plain, iv, r.take(size+16), bound); err != nil || last {
			return plain, err
		}
	}
}

func values() [][]byte {
	return [][]byte{nil, []byte("4111 1111 1111 1111"), bytes.Repeat([]byte("x"), 4095), bytes.Repeat([]byte("y"), 4096), bytes.Repeat([]byte("z"), 4097), bytes.Repeat([]byte("w"), MaxField)}
}

// TestMessages: what is sealed is opened with the private key, as it was; with another
// key, or changed in any byte, it is not (belief 539).
func TestMessages(t *testing.T) {
	e, key := entity(t)
	_, other := entity(t)
	for _, value := range values() {
		m, err := seal(value, e)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := open(m, "payments", "key-1", key); err != nil || !bytes.Equal(plain, value) {
			t.Errorf("%d bytes: %d, %v", len(value), len(plain), err)
		}
		if _, err := open(m, "payments", "key-1", other); err == nil {
			t.Error("another key opens it")
		}
		for i := 0; i < len(m); i += 1 + len(m)/97 {
			changed := bytes.Clone(m)
			changed[i] ^= 1
			if _, err := open(changed, "payments", "key-1", key); err == nil {
				t.Errorf("byte %d of %d may be changed", i, len(m))
			}
		}
		if again, err := seal(value, e); err != nil || bytes.Equal(again, m) {
			t.Errorf("a value is sealed to the same message twice, %v", err)
		}
	}
	if _, err := seal(nil, &fieldlevel.Entity{}); err == nil {
		t.Error("something is sealed without a key")
	}
}

// TestAWSEncryptionSDK has AWS's own SDK for JavaScript decrypt fields, where node finds
// it (npm install @aws-crypto/client-node, and NODE_PATH).
func TestAWSEncryptionSDK(t *testing.T) {
	if out, err := exec.Command("node", "-e", "require('@aws-crypto/client-node')").CombinedOutput(); err != nil {
		t.Skipf("the AWS Encryption SDK for JavaScript is not installed: %.100s", out)
	}
	e, key := entity(t)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, value := range values()[1:] {
		m, err := seal(value, e)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("node", "testdata/decrypt.cjs", file, "payments", "key-1")
		cmd.Stdin = strings.NewReader(base64.StdEncoding.EncodeToString(m))
		plain, err := cmd.Output()
		if err != nil || !bytes.Equal(plain, value) {
			t.Errorf("%d bytes: %d, %v", len(value), len(plain), err)
		}
	}
}
