package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"haven/lab/wire"
)

// journalSize is when the journal of calls begins anew; the one before is kept beside it.
const journalSize = 64 << 20

// journal keeps a line of JSON for each API call: who asked for what, and how it ended. Parameters are not kept, so
// no secret can be.
type journal struct {
	mu   sync.Mutex
	path string
	file *os.File
	size int64
}

func openJournal(path string) (*journal, error) {
	j := &journal{path: path}
	return j, j.open()
}

func (j *journal) open() error {
	file, err := os.OpenFile(j.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the journal of calls: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	j.file, j.size = file, info.Size()
	return nil
}

type journalLine struct {
	Time      time.Time `json:"time"`
	ID        string    `json:"id"`
	Call      string    `json:"call"`
	Region    string    `json:"region"`
	Principal string    `json:"principal,omitempty"`
	Source    string    `json:"source"`
	Status    int       `json:"status"`
	Code      string    `json:"code,omitempty"`
	Millis    float64   `json:"ms"`
}

func (j *journal) record(r wire.Record) {
	line, err := json.Marshal(journalLine{
		Time: r.Time.UTC(), ID: r.ID, Call: r.Service + ":" + r.Operation, Region: r.Region, Principal: r.Principal,
		Source: r.SourceIP, Status: r.Status, Code: r.Code, Millis: float64(r.Duration.Microseconds()) / 1000,
	})
	if err != nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.size > journalSize && j.rotate() != nil {
		return
	}
	n, _ := j.file.Write(append(line, '\n')) // a full disk must not stop the API
	j.size += int64(n)
}

func (j *journal) rotate() error {
	err := errors.Join(j.file.Close(), os.Rename(j.path, j.path+".1"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, j.open())
}

// Close closes the file.
func (j *journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.file.Close()
}
