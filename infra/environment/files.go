package environment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"haven/components/webtier"
	"haven/infra/settings"
)

// Files are the local files that a stack publishes, read before anything is
// declared so that a missing one stops the program at once.
type Files struct {
	App         webtier.File
	Trust       *webtier.File // nil: the bundle that AWS publishes
	Certificate string        // PEM; empty when ACM issues the certificate
	PrivateKey  string        // PEM, secret
	Chain       string        // PEM
}

// ReadFiles reads every local file that the settings name. The error lists all
// that cannot be read. Relative names are relative to root.
func ReadFiles(root string, s settings.Settings) (Files, error) {
	var files Files
	var problems []error
	at := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(root, path)
	}
	publish := func(key, path string) webtier.File {
		file, err := webtier.ReadFile(at(path))
		if err != nil {
			problems = append(problems, fmt.Errorf("%s:%s: %w", settings.Namespace, key, err))
		}
		return file
	}
	text := func(key, path string) string {
		content, err := os.ReadFile(at(path))
		if err != nil {
			problems = append(problems, fmt.Errorf("%s:%s: %w", settings.Namespace, key, err))
		}
		return string(content)
	}
	files.App = publish("appArtifact", s.AppArtifact)
	if s.DatabaseCAFile != "" {
		trust := publish("databaseCaFile", s.DatabaseCAFile)
		files.Trust = &trust
	}
	if s.ImportsCertificate() {
		files.Certificate = text("certificateFile", s.CertificateFile)
		files.PrivateKey = text("certificateKeyFile", s.CertificateKeyFile)
		files.Chain = text("certificateChainFile", s.CertificateChainFile)
	}
	if err := errors.Join(problems...); err != nil {
		return Files{}, fmt.Errorf("reading the stack's files (scripts/up makes those of the lab, scripts/setup builds the application): %w", err)
	}
	return files, nil
}

// ProjectRoot finds the folder of Pulumi.yaml from a folder inside it.
func ProjectRoot(from string) (string, error) {
	for dir := from; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "Pulumi.yaml")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("finding the project: no Pulumi.yaml in %s or above", from)
		}
	}
}
