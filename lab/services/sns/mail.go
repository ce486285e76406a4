package sns

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// mail puts a message into the mailbox of an address: a file in RFC 822's form, whole or not at all. One that is made
// again replaces itself.
func (s *Service) mail(one *subscription, t *topic, m message) error {
	box := filepath.Join(s.mailboxes, one.Endpoint)
	if err := os.MkdirAll(box, 0o755); err != nil {
		return fmt.Errorf("opening the mailbox of %s: %w", one.Endpoint, err)
	}
	name := fmt.Sprintf("%s-%s-%s.eml", m.At.UTC().Format("20060102T150405.000000"), m.ID, one.UUID[:8])
	raw, err := s.compose(one, t, m)
	if err != nil {
		return fmt.Errorf("writing mail to %s: %w", one.Endpoint, err)
	}
	draft := filepath.Join(box, "."+name+".draft") // which no pattern for mails finds
	if err := writeSynced(draft, raw); err != nil {
		os.Remove(draft) // what there is of it is of no use
		return fmt.Errorf("writing mail to %s: %w", one.Endpoint, err)
	}
	if err := os.Rename(draft, filepath.Join(box, name)); err != nil {
		return fmt.Errorf("delivering mail to %s: %w", one.Endpoint, err)
	}
	return nil
}

func writeSynced(path string, raw []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(raw); err != nil {
		return err
	}
	return file.Sync()
}

// compose writes the mail.
func (s *Service) compose(one *subscription, t *topic, m message) ([]byte, error) {
	from := t.Attributes["DisplayName"]
	if from == "" {
		from = "AWS Notifications"
	}
	subject, body := subjectOf(m), s.letter(one, m)
	if one.Protocol == "email-json" {
		body = string(s.envelope(one, m))
	}
	var out bytes.Buffer
	for _, header := range [][2]string{
		{"Date", m.At.UTC().Format(time.RFC1123Z)}, {"From", mime.QEncoding.Encode("utf-8", from) + " <no-reply@sns.amazonaws.com>"},
		{"To", one.Endpoint}, {"Subject", mime.QEncoding.Encode("utf-8", subject)}, {"Message-ID", "<" + m.ID + "@sns." + one.Region + ".amazonaws.com>"},
		{"X-Amz-Sns-Topic-Arn", one.topicARN()}, {"X-Amz-Sns-Message-Type", m.Kind},
		{"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&out, "%s: %s\r\n", header[0], header[1])
	}
	out.WriteString("\r\n")
	writer := quotedprintable.NewWriter(&out)
	if _, err := writer.Write([]byte(strings.ReplaceAll(body, "\n", "\r\n"))); err != nil {
		return nil, err
	}
	err := writer.Close()
	return out.Bytes(), err
}

func subjectOf(m message) string {
	switch {
	case m.Kind == confirmation:
		return "AWS Notification - Subscription Confirmation"
	case m.Kind == goodbye:
		return "AWS Notification - Unsubscribe Confirmation"
	case m.Subject != "":
		return m.Subject
	}
	return "AWS Notification Message"
}

// letter is the text for people.
func (s *Service) letter(one *subscription, m message) string {
	switch m.Kind {
	case confirmation:
		return "You have chosen to subscribe to the topic:\n" + one.topicARN() + "\n\nTo confirm this subscription, open the link below (if this was in error " +
			"no action is necessary):\n" + s.confirmLink(one) + "\n"
	case goodbye:
		return "Your subscription to the topic below has been deleted:\n" + one.topicARN() + "\n\nIf this was in error, open the link below to subscribe again:\n" +
			s.confirmLink(one) + "\n"
	}
	return m.Text + "\n\n--\nIf you wish to stop receiving notifications from this topic, open the link below:\n" + s.unsubscribeLink(one) + "\n"
}
