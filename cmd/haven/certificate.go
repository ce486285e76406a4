package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"haven/lab/authority"
)

func newLabCertificate() *cobra.Command {
	var names, addresses []string
	cmd := &cobra.Command{
		Use:   "certificate NAME",
		Short: "Issue a certificate of the lab's authority into the lab's folder as NAME.pem and NAME.key",
		Long: "Issue a certificate of the lab's authority into the lab's folder as NAME.pem and NAME.key.\n" +
			"One that is there, covers the names and lasts another month is kept.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := labDir()
			if err != nil {
				return err
			}
			ips, err := parseAddresses(addresses)
			if err != nil {
				return usageError{err}
			}
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return fmt.Errorf("making the lab's folder: %w", err)
			}
			ca, err := authority.Open(dir)
			if err != nil {
				return err
			}
			base := filepath.Join(dir, args[0])
			if covers(ca, base+".pem", append(names, addresses...)) {
				return nil
			}
			certificate, key, err := ca.Issue(names, ips)
			if err != nil {
				return err
			}
			// The certificate is written last: with it the pair is complete.
			if err := os.WriteFile(base+".key", key, 0o600); err != nil {
				return fmt.Errorf("writing the key: %w", err)
			}
			return os.WriteFile(base+".pem", certificate, 0o644)
		},
	}
	cmd.Flags().StringSliceVar(&names, "name", nil, "a DNS name that it is for; may be given again")
	cmd.Flags().StringSliceVar(&addresses, "address", nil, "an IP address that it is for; may be given again")
	return cmd
}

func parseAddresses(texts []string) ([]netip.Addr, error) {
	var addresses []netip.Addr
	for _, text := range texts {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("--address %s: it is not an IP address", text)
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}

func covers(ca *authority.Authority, path string, names []string) bool {
	raw, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return false
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return false
	}
	for _, name := range names {
		_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: ca.Pool(), CurrentTime: time.Now().AddDate(0, 1, 0)})
		if err != nil {
			return false
		}
	}
	return true
}
