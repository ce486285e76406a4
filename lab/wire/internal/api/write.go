package api

import (
	"net/http"
	"strconv"
)

// Write answers with a body.
func Write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // a client that has gone does not care
}

// IsSenderFault tells whether a status blames the caller.
func IsSenderFault(status int) bool { return status < http.StatusInternalServerError }

// FaultType is the word for who is to blame, as XML errors have it.
func FaultType(status int) string {
	if IsSenderFault(status) {
		return "Sender"
	}
	return "Receiver"
}
