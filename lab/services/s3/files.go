package s3

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"haven/lab/cloud"
)

// files keeps bodies: each is written once, whole and synced, under a name of its own.
type files struct{ dir string }

const unfinished = ".new"

// write keeps a body and returns its file, size and MD5.
func (f files) write(body io.Reader) (name string, size int64, sum []byte, err error) {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return "", 0, nil, fmt.Errorf("making the folder of objects: %w", err)
	}
	name = cloud.NewUUID()
	file, err := os.OpenFile(f.path(name)+unfinished, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", 0, nil, fmt.Errorf("keeping an object: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	hash := md5.New()
	if body != nil {
		size, err = io.Copy(io.MultiWriter(file, hash), body)
	}
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return "", 0, nil, err
	}
	return name, size, hash.Sum(nil), os.Rename(file.Name(), f.path(name))
}

func (f files) path(name string) string { return filepath.Join(f.dir, name) }

func (f files) open(name string) (*os.File, error) { return os.Open(f.path(name)) }

// remove forgets a body; a missing one is no error.
func (f files) remove(name string) error {
	if name == "" {
		return nil
	}
	if err := os.Remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func quotedETag(sum []byte) string { return `"` + hex.EncodeToString(sum) + `"` }

// sweep removes bodies that no object and no upload names.
func (s *Service) sweep() error {
	used := map[string]bool{}
	err := s.store.View(func(tx *cloud.Tx) error {
		rows, err := objects.ListAll(tx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			used[row.File] = true
		}
		under, err := uploads.ListAll(tx)
		for _, u := range under {
			for _, p := range u.Parts {
				used[p.File] = true
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(s.files.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if !used[entry.Name()] || strings.HasSuffix(entry.Name(), unfinished) {
			err = errors.Join(err, s.files.remove(entry.Name()))
		}
	}
	return err
}
