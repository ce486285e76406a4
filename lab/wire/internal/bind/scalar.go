package bind

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Formats of timestamps, as models name them.
const (
	ISO8601 = "iso8601"
	RFC822  = "rfc822"
	Unix    = "unixTimestamp"
)

// TimeFormat returns how a field's timestamps are written, given the protocol's way.
func (f *Field) TimeFormat(usual string) string {
	if f.Ref.TimestampFormat != "" {
		return f.Ref.TimestampFormat
	}
	if f.Shape.TimestampFormat != "" {
		return f.Shape.TimestampFormat
	}
	return usual
}

// Text writes a present scalar as text; timeFormat is the protocol's usual one.
func (f *Field) Text(v reflect.Value, timeFormat string) string {
	switch f.Kind {
	case String:
		return v.String()
	case Integer:
		return strconv.FormatInt(v.Int(), 10)
	case Float:
		return FormatFloat(v.Float(), f.Type.Bits())
	case Boolean:
		return strconv.FormatBool(v.Bool())
	case Timestamp:
		return FormatTime(Time(v), f.TimeFormat(timeFormat))
	case Blob:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	}
	panic("bind: " + f.Name + " is not a scalar")
}

// SetText parses text into a settled scalar. It reports false when the text is not of the field's kind.
func (f *Field) SetText(v reflect.Value, text, timeFormat string) bool {
	switch f.Kind {
	case String:
		v.SetString(text)
		return true
	case Integer:
		number, err := strconv.ParseInt(text, 10, f.Type.Bits())
		v.SetInt(number)
		return err == nil
	case Float:
		number, ok := ParseFloat(text, f.Type.Bits())
		v.SetFloat(number)
		return ok
	case Boolean:
		value, ok := booleans[text]
		v.SetBool(value)
		return ok
	case Timestamp:
		parsed, ok := ParseTime(text, f.TimeFormat(timeFormat))
		v.Set(reflect.ValueOf(parsed))
		return ok
	case Blob:
		raw, err := base64.StdEncoding.DecodeString(text)
		v.SetBytes(raw)
		return err == nil
	}
	return false
}

var booleans = map[string]bool{"true": true, "false": false, "True": true, "False": false, "1": true, "0": false}

// FormatFloat writes a number as AWS does: in the shortest form that reads back the same.
func FormatFloat(number float64, bits int) string {
	switch {
	case math.IsNaN(number):
		return "NaN"
	case math.IsInf(number, 1):
		return "Infinity"
	case math.IsInf(number, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(number, 'f', -1, bits)
}

// ParseFloat reads what FormatFloat writes.
func ParseFloat(text string, bits int) (float64, bool) {
	if strings.ContainsAny(text, "xXpP_") { // Go's own forms
		return 0, false
	}
	number, err := strconv.ParseFloat(text, bits)
	return number, err == nil
}

// FormatTime writes a time in a model's format.
func FormatTime(t time.Time, format string) string {
	t = t.UTC()
	switch format {
	case RFC822:
		return t.Format("Mon, 02 Jan 2006 15:04:05 GMT")
	case Unix:
		return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
	}
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

// ParseTime reads a time in a model's format. Clients that send another one of the three are understood as well.
func ParseTime(text, format string) (time.Time, bool) {
	if format == Unix {
		return parseUnix(text)
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02T15:04:05Z", "2006-01-02T15:04:05", "2006-01-02",
		time.RFC1123, "Mon, _2 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC,
	} {
		if parsed, err := time.Parse(layout, text); err == nil {
			return parsed.UTC(), true
		}
	}
	return parseUnix(text)
}

func parseUnix(text string) (time.Time, bool) {
	seconds, ok := ParseFloat(text, 64)
	if !ok {
		return time.Time{}, false
	}
	return UnixTime(seconds)
}

// UnixTime returns the time of so many seconds since 1970, to the millisecond. It reports false for what lies beyond
// the year 9999, which no format can write.
func UnixTime(seconds float64) (time.Time, bool) {
	if math.IsNaN(seconds) || seconds < -62135596800 || seconds > 253402300799 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC(), true
}
