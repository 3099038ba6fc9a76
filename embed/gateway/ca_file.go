package gateway

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"koflab/sim/clock"
)

const (
	// caFile holds key and certificate together, so that no crash leaves a pair
	// that does not fit.
	caFile = "ca.pem"
	// caCertFile is the certificate alone, for others to trust.
	caCertFile = "ca.crt"
)

// LoadOrCreateCA returns the authority kept in dir, made on first use. One that
// is not valid at the lab's present, as after a start with another clock, is
// replaced. The key is readable by its owner alone.
func LoadOrCreateCA(dir string, c clock.Clock) (*CA, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("CA directory: %w", err)
	}
	ca, err := loadCA(filepath.Join(dir, caFile), c)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("%w; remove the file to get a new CA", err)
	case ca.valid():
		return ca, ca.saveCertificate(dir)
	}
	if ca, err = NewCA(c); err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		return nil, fmt.Errorf("CA key: %w", err)
	}
	bundle := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), ca.CertificatePEM()...)
	if err := writeAtomic(filepath.Join(dir, caFile), bundle, 0o600); err != nil {
		return nil, fmt.Errorf("CA: %w", err)
	}
	return ca, ca.saveCertificate(dir)
}

func (ca *CA) valid() bool {
	now := ca.clock.Now()
	return !now.Before(ca.cert.NotBefore) && !now.After(ca.cert.NotAfter)
}

// saveCertificate writes the certificate beside the key unless it is there.
func (ca *CA) saveCertificate(dir string) error {
	path, want := filepath.Join(dir, caCertFile), ca.CertificatePEM()
	if have, err := os.ReadFile(path); err == nil && string(have) == string(want) {
		return nil
	}
	if err := writeAtomic(path, want, 0o644); err != nil {
		return fmt.Errorf("CA certificate: %w", err)
	}
	return nil
}

func loadCA(path string, c clock.Clock) (*CA, error) {
	bundle, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("CA: %w", err)
	}
	ca, err := parseCA(bundle, c)
	if err != nil {
		return nil, fmt.Errorf("CA %s: %w", path, err)
	}
	return ca, nil
}

func parseCA(bundle []byte, c clock.Clock) (*CA, error) {
	pair, err := tls.X509KeyPair(bundle, bundle)
	if err != nil {
		return nil, fmt.Errorf("no matching key and certificate: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("want an ECDSA key and a CA certificate")
	}
	return newCA(c, key, pair.Leaf), nil
}

// writeAtomic makes path hold data entirely or not at all, also after a crash.
func writeAtomic(path string, data []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}
