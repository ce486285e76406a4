package server

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"haven/app/internal/files"
)

const digestHeader = "X-Haven-Sha256"

// put stores a file, whole and durable, and returns its SHA-256. A client that sends its own in the same header gets an
// error when another content arrives.
func (s *server) put(w http.ResponseWriter, r *http.Request) {
	if !tenantName.MatchString(r.PathValue("tenant")) {
		refuse(w, http.StatusBadRequest, tenantRule)
		return
	}
	if r.ContentLength > files.MaxSize {
		s.refuseFile(w, r, files.ErrTooLarge)
		return
	}
	body := http.MaxBytesReader(w, r.Body, files.MaxSize+1)
	digest, err := s.Files.Put(r.Context(), r.PathValue("tenant"), r.PathValue("name"), strings.ToLower(r.Header.Get(digestHeader)), body)
	if err != nil {
		s.refuseFile(w, r, err)
		return
	}
	w.Header().Set(digestHeader, digest)
	w.Header().Set("ETag", `"`+digest+`"`)
	reply(w, http.StatusCreated, map[string]string{"sha256": digest})
}

// get returns a file; ranges and conditional requests work.
func (s *server) get(w http.ResponseWriter, r *http.Request) {
	if !tenantName.MatchString(r.PathValue("tenant")) {
		refuse(w, http.StatusBadRequest, tenantRule)
		return
	}
	file, err := s.Files.Get(r.Context(), r.PathValue("tenant"), r.PathValue("name"))
	if err != nil {
		s.refuseFile(w, r, err)
		return
	}
	defer file.Close()
	w.Header().Set(digestHeader, file.Digest)
	w.Header().Set("ETag", `"`+file.Digest+`"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", file.Modified, file)
}

func (s *server) refuseFile(w http.ResponseWriter, r *http.Request, err error) {
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, files.ErrName), errors.Is(err, files.ErrDigest):
		refuse(w, http.StatusBadRequest, err.Error())
	case errors.Is(err, files.ErrNotFound):
		refuse(w, http.StatusNotFound, err.Error())
	case errors.Is(err, files.ErrTooLarge), errors.As(err, &large):
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the file is larger than %d bytes", files.MaxSize))
	default:
		s.Log.ErrorContext(r.Context(), "the shared folder failed", "path", r.URL.Path, "error", err)
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "the shared folder does not work at the moment")
	}
}
