package stack

import (
	"context"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"time"

	"haven/drill/target"
)

// mailbox is the lab's: a folder for each address, a file for each message.
type mailbox struct{ folder string }

func (m mailbox) Since(_ context.Context, at time.Time) (alerts []target.Alert, err error) {
	paths, err := filepath.Glob(filepath.Join(m.folder, "*", "*.eml"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || info.ModTime().Before(at) {
			continue // it has gone meanwhile, or is older
		}
		alert, err := readAlert(path)
		if err != nil {
			return nil, fmt.Errorf("reading an alert from %s: %w", path, err)
		}
		alert.At, alert.To = info.ModTime(), filepath.Base(filepath.Dir(path))
		alerts = append(alerts, alert)
	}
	return alerts, nil
}

func readAlert(path string) (target.Alert, error) {
	file, err := os.Open(path)
	if err != nil {
		return target.Alert{}, err
	}
	defer file.Close()
	message, err := mail.ReadMessage(file)
	if err != nil {
		return target.Alert{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		return target.Alert{}, err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(message.Body))
	return target.Alert{Topic: message.Header.Get("X-Amz-Sns-Topic-Arn"), Subject: subject, Text: string(text)}, err
}
