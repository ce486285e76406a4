// Package storage declares what keeps files: a Regional, mirrored file system
// that servers share (Files) and guarded buckets (Bucket).
//
// Nothing here can be made unencrypted, public or reachable without TLS. What
// holds data carries Protect.
package storage
