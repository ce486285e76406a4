// Package files keeps tenants' files in a shared folder: whole or not at all, durable before they are acknowledged, and
// never outside the folder. The folder is a network file system that may hang: the number of operations in it is
// bounded, so that a hang costs errors and not memory.
package files

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"sync"
	"time"
)

// Errors of a store.
var (
	ErrName     = errors.New("the name must be 1 to 128 letters, digits, dots, dashes and underscores, and begin with a letter or digit")
	ErrNotFound = errors.New("there is no such file")
	ErrTooLarge = errors.New("the file is too large")
	ErrDigest   = errors.New("the content does not have the SHA-256 that was announced")
	ErrBusy     = errors.New("too many operations are waiting for the shared folder")
)

// MaxSize is the largest file in bytes.
const MaxSize = 32 << 20

const (
	operations = 64 // at once
	patience   = 2 * time.Second
)

var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// Store keeps files. It is safe for concurrent use, also from several servers on one folder.
type Store struct {
	dir   string
	slots chan struct{}

	mu   sync.RWMutex
	root *os.Root
}

// Open opens a store in an existing folder.
func Open(dir string) (*Store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the shared folder: %w", err)
	}
	return &Store{dir: dir, root: root, slots: make(chan struct{}, operations)}, nil
}

// Close releases the folder.
func (s *Store) Close() error { return s.folderRoot().Close() }

func (s *Store) folderRoot() *os.Root {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.root
}

// reopen follows the folder's name again, after the file system behind it was lost and mounted anew.
func (s *Store) reopen() error {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return fmt.Errorf("opening the shared folder again: %w", err)
	}
	s.mu.Lock()
	lost := s.root
	s.root = root
	s.mu.Unlock()
	return lost.Close()
}

func (s *Store) enter(ctx context.Context) (leave func(), err error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-timer.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Put replaces a file with what content has, at most MaxSize bytes, and returns its SHA-256 in hexadecimal once it is on
// stable storage. With a non-empty announced digest, other content is ErrDigest.
func (s *Store) Put(ctx context.Context, tenant, file, announced string, content io.Reader) (digest string, err error) {
	if !name.MatchString(tenant) || !name.MatchString(file) {
		return "", ErrName
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	folder := path.Join("tenants", tenant)
	if err := s.folder(folder); err != nil {
		return "", fmt.Errorf("making the tenant's folder: %w", err)
	}
	temporary := path.Join(folder, ".new-"+rand.Text())
	defer func() {
		if err != nil {
			_ = s.folderRoot().Remove(temporary)
		}
	}()
	digest, err = s.write(temporary, content)
	if err != nil {
		return "", fmt.Errorf("writing the file: %w", err)
	}
	if announced != "" && announced != digest {
		return "", ErrDigest
	}
	if err := s.folderRoot().Rename(temporary, path.Join(folder, file)); err != nil {
		return "", fmt.Errorf("putting the file in place: %w", err)
	}
	if err := s.sync(folder); err != nil {
		return "", fmt.Errorf("making the file's name durable: %w", err)
	}
	return digest, nil
}

func (s *Store) write(to string, content io.Reader) (digest string, err error) {
	f, err := s.folderRoot().OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(content, MaxSize+1))
	if err == nil && size > MaxSize {
		err = ErrTooLarge
	}
	if err == nil {
		err = f.Sync()
	}
	return hex.EncodeToString(hash.Sum(nil)), errors.Join(err, f.Close())
}

// folder makes a folder and its parents durably.
func (s *Store) folder(dir string) error {
	if _, err := s.folderRoot().Stat(dir); err == nil {
		return nil
	}
	if err := s.folderRoot().MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return errors.Join(s.sync(path.Dir(dir)), s.sync("."))
}

// sync makes a folder's entries durable. Network file systems that do so by themselves may not know the call.
func (s *Store) sync(dir string) error {
	f, err := s.folderRoot().Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, os.ErrInvalid) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// File is an open file and what is known of it. The caller closes it; leaving it open holds one of the store's slots.
type File struct {
	io.ReadSeeker
	Digest   string // SHA-256 in hexadecimal
	Modified time.Time
	close    func() error
}

// Close closes the file.
func (f *File) Close() error { return f.close() }

// Get opens a file. It stays what it is while it is read, even when it is replaced meanwhile.
func (s *Store) Get(ctx context.Context, tenant, file string) (*File, error) {
	if !name.MatchString(tenant) || !name.MatchString(file) {
		return nil, ErrName
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	opened, err := s.open(path.Join("tenants", tenant, file))
	if err != nil {
		leave()
		return nil, err
	}
	once := opened.close
	opened.close = func() error { defer leave(); return once() }
	return opened, nil
}

func (s *Store) open(file string) (*File, error) {
	f, err := s.folderRoot().Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	hash := sha256.New()
	info, err := f.Stat()
	if err == nil {
		_, err = io.Copy(hash, f)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading the file: %w", err), f.Close())
	}
	return &File{ReadSeeker: f, Digest: hex.EncodeToString(hash.Sum(nil)), Modified: info.ModTime(), close: f.Close}, nil
}
