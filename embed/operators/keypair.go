package operators

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
)

// privateKeySpec is what a Certificate says about its key.
type privateKeySpec struct {
	Algorithm      string `json:"algorithm"`
	Size           int    `json:"size"`
	Encoding       string `json:"encoding"`
	RotationPolicy string `json:"rotationPolicy"`
}

// newKey makes a key. Where the Certificate names no algorithm it is ECDSA, not
// cert-manager's RSA, whose making would cost more than all else of a cluster.
func newKey(s privateKeySpec) (crypto.Signer, error) {
	switch s.Algorithm {
	case "", "ECDSA":
		curve := elliptic.P256()
		switch s.Size {
		case 0, 256:
		case 384:
			curve = elliptic.P384()
		case 521:
			curve = elliptic.P521()
		default:
			return nil, fmt.Errorf("privateKey.size %d: want 256, 384 or 521 for ECDSA", s.Size)
		}
		return ecdsa.GenerateKey(curve, rand.Reader)
	case "RSA":
		size := orDefault(s.Size, 2048)
		if size < 2048 || size > 8192 {
			return nil, fmt.Errorf("privateKey.size %d: want 2048 to 8192 for RSA", s.Size)
		}
		return rsa.GenerateKey(rand.Reader, size)
	case "Ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("privateKey.algorithm %q: want ECDSA, RSA or Ed25519", s.Algorithm)
}

// encodeKey renders a key as PEM in the encoding asked for, by default the
// traditional one of its algorithm.
func encodeKey(key crypto.Signer, encoding string) ([]byte, error) {
	var block pem.Block
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		block.Type, block.Bytes = "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k)
	case *ecdsa.PrivateKey:
		block.Type = "EC PRIVATE KEY"
		block.Bytes, err = x509.MarshalECPrivateKey(k)
	default:
		encoding = "PKCS8"
	}
	if encoding == "PKCS8" {
		block.Type = "PRIVATE KEY"
		block.Bytes, err = x509.MarshalPKCS8PrivateKey(key)
	}
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return pem.EncodeToMemory(&block), nil
}

// parseKey reads a key in any of the encodings of tls.key.
func parseKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("private key: no PEM block")
	}
	if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	signer, ok := k.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("private key: %T cannot sign", k)
	}
	return signer, nil
}

// parseCertificate reads the first certificate of a chain.
func parseCertificate(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("certificate: no PEM block")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return cert, nil
}

// pair is a certificate with its key, both also as PEM. chain starts with the
// certificate and goes on with those above it, without the root.
type pair struct {
	cert       *x509.Certificate
	key        crypto.Signer
	chain, pem []byte
	root       []byte
}

// parsePair reads tls.crt, tls.key and, when there, ca.crt of a Secret, and checks
// that they belong together.
func parsePair(data map[string][]byte) (*pair, error) {
	for _, name := range []string{"tls.crt", "tls.key"} {
		if len(data[name]) == 0 {
			return nil, fmt.Errorf("no data for %q in secret", name)
		}
	}
	cert, err := parseCertificate(data["tls.crt"])
	if err != nil {
		return nil, err
	}
	key, err := parseKey(data["tls.key"])
	if err != nil {
		return nil, err
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("tls.key does not belong to tls.crt")
	}
	return &pair{cert: cert, key: key, chain: data["tls.crt"], pem: data["tls.key"], root: data["ca.crt"]}, nil
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func newSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("certificate serial: %w", err)
	}
	return serial, nil
}
