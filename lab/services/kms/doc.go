// Package kms is AWS Key Management Service with symmetric keys: they really encrypt (AES-256-GCM, with the
// encryption context authenticated), are replicated to other regions, rotated on paper and deleted after their
// waiting period. Asymmetric and HMAC keys, custom key stores, imported material and grants are refused.
//
// Key material is kept in the lab's store, a file that only its owner can read; no operation returns it.
package kms
