package fieldencryption

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"

	"github.com/warmfront/warmfront/cdn/fieldlevel"
)

// The message format of the AWS Encryption SDK, version 1, with the algorithm suite that
// was its default when field-level encryption was made, and that every release of it
// decrypts: AES-256-GCM, the data key derived by HKDF with SHA-384, signed with ECDSA on
// P-384 (its developer guide, "Message format reference", "Algorithms reference"; belief
// 539).
const (
	version     = 1
	customer    = 0x80 // "customer authenticated encrypted data"
	suite       = 0x0378
	framed      = 2
	ivLength    = 12
	tagLength   = 16
	frameLength = 4096
	keyLength   = 32
	idLength    = 16

	publicKeyName = "aws-crypto-public-key" // the entry of the encryption context
	frameContent  = "AWSKMSEncryptionClient Frame"
	finalContent  = "AWSKMSEncryptionClient Final Frame"
)

// seal encrypts a field's value for the owner of the entity's key.
func seal(value []byte, e *fieldlevel.Entity) ([]byte, error) {
	if e.Key == nil {
		return nil, errors.New("the public key that fields are to be encrypted with is missing")
	}
	var secret [keyLength]byte
	var id [idLength]byte
	_, _ = rand.Read(secret[:]) // never fails (package documentation)
	_, _ = rand.Read(id[:])
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, e.Key, secret[:], nil)
	if err != nil {
		return nil, err
	}
	signer, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public, err := compressed(signer)
	if err != nil {
		return nil, err
	}
	gcm, err := derive(secret[:], id[:])
	if err != nil {
		return nil, err
	}
	m := header(id, e, wrapped, public)
	var iv [ivLength]byte // of the header: the one no frame has
	tag := gcm.Seal(nil, iv[:], nil, m)
	m = append(append(m, iv[:]...), tag...)
	m = frames(m, gcm, id, value)
	digest := sha512.Sum384(m)
	signature, err := ecdsa.SignASN1(rand.Reader, signer, digest[:])
	if err != nil {
		return nil, err
	}
	return appendText(m, string(signature)), nil
}

// derive makes the cipher of the message with that id of the secret that only its reader can
// unwrap.
func derive(secret, id []byte) (cipher.AEAD, error) {
	info := string(append(binary.BigEndian.AppendUint16(nil, suite), id...))
	derived, err := hkdf.Key(sha512.New384, secret, nil, info, keyLength)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// compressed is the public key's point in base64, as the encryption context has it.
func compressed(k *ecdsa.PrivateKey) (string, error) {
	point, err := k.PublicKey.Bytes() // 4, x and y
	if err != nil {
		return "", err
	}
	half := (len(point) - 1) / 2
	return base64.StdEncoding.EncodeToString(append([]byte{2 + point[len(point)-1]&1}, point[1:1+half]...)), nil
}

// header is the message header without its authentication.
func header(id [idLength]byte, e *fieldlevel.Entity, wrapped []byte, public string) []byte {
	m := binary.BigEndian.AppendUint16([]byte{version, customer}, suite)
	m = append(m, id[:]...)
	context := appendText(appendText([]byte{0, 1}, publicKeyName), public) // one entry
	m = appendText(m, string(context))
	m = binary.BigEndian.AppendUint16(m, 1) // one encrypted data key
	m = appendText(appendText(appendText(m, e.Provider), e.KeyName), string(wrapped))
	m = append(m, framed, 0, 0, 0, 0, ivLength)
	return binary.BigEndian.AppendUint32(m, frameLength)
}

// frames appends the body: the value in frames, the last of which is marked, and is
// empty where there is nothing to encrypt.
func frames(m []byte, gcm cipher.AEAD, id [idLength]byte, value []byte) []byte {
	for n := uint32(1); ; n++ {
		part, content := value[:min(len(value), frameLength)], frameContent
		value = value[len(part):]
		last := len(value) == 0
		if last {
			m, content = append(m, 0xFF, 0xFF, 0xFF, 0xFF), finalContent
		}
		var iv [ivLength]byte
		binary.BigEndian.PutUint32(iv[ivLength-4:], n)
		m = append(binary.BigEndian.AppendUint32(m, n), iv[:]...)
		if last {
			m = binary.BigEndian.AppendUint32(m, uint32(len(part)))
		}
		m = gcm.Seal(m, iv[:], part, associated(id, content, n, len(part)))
		if last {
			return m
		}
	}
}

// associated is what a frame is bound to.
func associated(id [idLength]byte, content string, frame uint32, length int) []byte {
	b := append(append([]byte(nil), id[:]...), content...)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, frame), uint64(length))
}

// appendText appends a text with its length before it.
func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}
