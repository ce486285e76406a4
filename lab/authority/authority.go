// Package authority is the lab's own certificate authority: it signs the site's certificate that the program imports
// into ACM, the database servers' certificates and those of the AWS endpoints inside the lab's networks.
//
// Its key never leaves the lab's folder (mode 0600). Nothing outside the lab should be made to trust it.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// CertificateFile is the authority's own certificate, below the folder given to Open.
	CertificateFile = "ca.pem"
	keyFile         = "ca.key"

	authorityYears = 10
	leafLifetime   = 397 * 24 * time.Hour // what browsers accept at most
)

// Authority signs certificates.
type Authority struct {
	certificate *x509.Certificate
	pem         []byte
	key         *ecdsa.PrivateKey

	mu     sync.Mutex
	served map[string]*tls.Certificate
}

// Open reads the authority from a folder, or makes one there the first time.
func Open(dir string) (*Authority, error) {
	certPEM, err := os.ReadFile(filepath.Join(dir, CertificateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return create(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the lab's authority: %w", err)
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("reading the lab authority's key: %w", err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("reading the lab's authority in %s: %w; type: haven lab reset", dir, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("reading the lab's authority in %s: its key is a %T, not ECDSA; type: haven lab reset", dir, pair.PrivateKey)
	}
	return &Authority{certificate: pair.Leaf, pem: certPEM, key: key, served: map[string]*tls.Certificate{}}, nil
}

func create(dir string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the lab authority's key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Haven lab authority", Organization: []string{"Haven lab"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(authorityYears, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("signing the lab's authority: %w", err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	// The certificate is written last: with it the pair is complete.
	if err := writeFile(filepath.Join(dir, keyFile), keyPEM, 0o600); err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(dir, CertificateFile), encodeCertificate(der), 0o644); err != nil {
		return nil, err
	}
	return Open(dir)
}

// CertificatePEM returns the authority's certificate, to be trusted by clients of the lab.
func (a *Authority) CertificatePEM() []byte { return a.pem }

// Pool returns a pool that trusts this authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// Issue signs a new server certificate with a new key for the names (wildcards allowed) and addresses. The first
// name is the common name.
func (a *Authority) Issue(names []string, addresses []netip.Addr) (certificatePEM, keyPEM []byte, err error) {
	if len(names) == 0 && len(addresses) == 0 {
		return nil, nil, errors.New("issuing a certificate: no name and no address given")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a certificate's key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(leafLifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if len(names) > 0 && len(names[0]) <= 64 { // X.520's upper bound of a common name
		template.Subject.CommonName = names[0]
	}
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, address.AsSlice())
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("signing a certificate for %v: %w", names, err)
	}
	keyPEM, err = encodeKey(key)
	return encodeCertificate(der), keyPEM, err
}

// TLSConfig returns a server's configuration that presents a certificate of the lab's authority for whatever name a
// client asks for; without a name, for the address it connected to.
func (a *Authority) TLSConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: a.certificateFor, NextProtos: []string{"http/1.1"}}
}

func (a *Authority) certificateFor(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name, _, _ := net.SplitHostPort(hello.Conn.LocalAddr().String())
	if hello.ServerName != "" {
		name = hello.ServerName
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if served := a.served[name]; served != nil {
		return served, nil
	}
	var names []string
	var addresses []netip.Addr
	if address, err := netip.ParseAddr(name); err == nil {
		addresses = append(addresses, address)
	} else {
		names = append(names, name)
	}
	certPEM, keyPEM, err := a.Issue(names, addresses)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("serving %s: %w", name, err)
	}
	const enough = 1000 // names come from clients: bound what they can make us keep
	if len(a.served) >= enough {
		clear(a.served)
	}
	a.served[name] = &pair
	return &pair, nil
}

func serial() *big.Int {
	limit := new(big.Int).Lsh(big.NewInt(1), 127)
	number, _ := rand.Int(rand.Reader, limit) // crypto/rand never fails, by its contract
	return number
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// writeFile replaces a file as a whole.
func writeFile(path string, content []byte, mode os.FileMode) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, mode); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
