package kms

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"haven/lab/cloud"
)

const (
	ciphertextVersion = 1
	maximumPlaintext  = 4096 // bytes: Encrypt's limit
)

// seal encrypts under the key: a version, the key id's length, the key id, a nonce and the sealed text. The
// encryption context is authenticated with it.
func seal(k *key, plaintext []byte, context map[string]string) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	head := append([]byte{ciphertextVersion, byte(len(k.ID))}, k.ID...)
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce) // never fails, by its contract
	return aead.Seal(append(head, nonce...), nonce, plaintext, canonical(context)), nil
}

var errCiphertext = errors.New("malformed ciphertext")

// keyIDOf tells which key a ciphertext was sealed under.
func keyIDOf(blob []byte) (id string, rest []byte, err error) {
	if len(blob) < 2 || blob[0] != ciphertextVersion || len(blob) < 2+int(blob[1]) {
		return "", nil, errCiphertext
	}
	end := 2 + int(blob[1])
	return string(blob[2:end]), blob[end:], nil
}

func unseal(k *key, rest []byte, context map[string]string) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	if len(rest) < aead.NonceSize() {
		return nil, errCiphertext
	}
	return aead.Open(nil, rest[:aead.NonceSize()], rest[aead.NonceSize():], canonical(context))
}

func (k *key) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.Material)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// canonical encodes an encryption context; encoding/json orders a map's keys.
func canonical(context map[string]string) []byte {
	raw, _ := json.Marshal(context) // a map of strings always encodes
	if len(context) == 0 {
		return nil
	}
	return raw
}

func checkAlgorithm(algorithm types.EncryptionAlgorithmSpec) error {
	if algorithm != "" && algorithm != types.EncryptionAlgorithmSpecSymmetricDefault {
		return cloud.Errorf("InvalidKeyUsageException", "Algorithm %s is not compatible with a symmetric key.", algorithm)
	}
	return nil
}

func checkDryRun(dryRun *bool) error {
	if aws.ToBool(dryRun) {
		return cloud.Errorf("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
	}
	return nil
}

// usableKey finds a key for cryptography.
func (s *Service) usableKey(ctx context.Context, ref *string) (*key, error) {
	found, err := s.view(ctx, ref)
	if err != nil {
		return nil, err
	}
	return found, found.usable()
}

// Encrypt seals up to 4096 bytes.
func (s *Service) Encrypt(ctx context.Context, in *kms.EncryptInput) (*kms.EncryptOutput, error) {
	_ = in.GrantTokens // grants are not kept
	if err := checkAlgorithm(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	if len(in.Plaintext) == 0 || len(in.Plaintext) > maximumPlaintext {
		return nil, cloud.Errorf("ValidationException", "Plaintext has %d bytes; it has from 1 to %d.", len(in.Plaintext), maximumPlaintext)
	}
	found, err := s.usableKey(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	blob, err := seal(found, in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.EncryptOutput{CiphertextBlob: blob, KeyId: aws.String(found.arn()), EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault}, nil
}

// Decrypt opens what Encrypt or GenerateDataKey sealed.
func (s *Service) Decrypt(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	_ = in.GrantTokens // grants are not kept
	if err := checkAlgorithm(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	found, plaintext, err := s.open(ctx, in.CiphertextBlob, in.KeyId, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.DecryptOutput{Plaintext: plaintext, KeyId: aws.String(found.arn()), EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault}, nil
}

func (s *Service) open(ctx context.Context, blob []byte, wanted *string, encryption map[string]string) (*key, []byte, error) {
	invalid := cloud.Errorf("InvalidCiphertextException", "The ciphertext, or the encryption context that goes with it, is not valid.")
	id, rest, err := keyIDOf(blob)
	if err != nil {
		return nil, nil, invalid
	}
	found, err := s.usableKey(ctx, &id)
	if err != nil {
		return nil, nil, err
	}
	if wanted != nil {
		asked, err := s.view(ctx, wanted)
		if err != nil {
			return nil, nil, err
		}
		if asked.ID != found.ID {
			return nil, nil, cloud.Errorf("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
		}
	}
	plaintext, err := unseal(found, rest, encryption)
	if err != nil {
		return nil, nil, invalid
	}
	return found, plaintext, nil
}

// ReEncrypt seals under another key what a first one sealed; the plaintext stays inside.
func (s *Service) ReEncrypt(ctx context.Context, in *kms.ReEncryptInput) (*kms.ReEncryptOutput, error) {
	_ = in.GrantTokens // grants are not kept
	for _, algorithm := range []types.EncryptionAlgorithmSpec{in.SourceEncryptionAlgorithm, in.DestinationEncryptionAlgorithm} {
		if err := checkAlgorithm(algorithm); err != nil {
			return nil, err
		}
	}
	source, plaintext, err := s.open(ctx, in.CiphertextBlob, in.SourceKeyId, in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	destination, err := s.usableKey(ctx, in.DestinationKeyId)
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	blob, err := seal(destination, plaintext, in.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	symmetric := types.EncryptionAlgorithmSpecSymmetricDefault
	return &kms.ReEncryptOutput{
		CiphertextBlob: blob, KeyId: aws.String(destination.arn()), SourceKeyId: aws.String(source.arn()),
		SourceEncryptionAlgorithm: symmetric, DestinationEncryptionAlgorithm: symmetric,
	}, nil
}

// GenerateDataKey returns a new data key, plain and sealed.
func (s *Service) GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	_ = in.GrantTokens // grants are not kept
	size, err := dataKeySize(in.KeySpec, in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	found, err := s.usableKey(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	plaintext := make([]byte, size)
	rand.Read(plaintext) // never fails, by its contract
	blob, err := seal(found, plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyOutput{CiphertextBlob: blob, Plaintext: plaintext, KeyId: aws.String(found.arn())}, nil
}

// GenerateDataKeyWithoutPlaintext returns a new data key, sealed only.
func (s *Service) GenerateDataKeyWithoutPlaintext(ctx context.Context, in *kms.GenerateDataKeyWithoutPlaintextInput) (*kms.GenerateDataKeyWithoutPlaintextOutput, error) {
	full, err := s.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: in.KeyId, KeySpec: in.KeySpec, NumberOfBytes: in.NumberOfBytes, EncryptionContext: in.EncryptionContext,
		GrantTokens: in.GrantTokens, DryRun: in.DryRun,
	})
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyWithoutPlaintextOutput{CiphertextBlob: full.CiphertextBlob, KeyId: full.KeyId}, nil
}

func dataKeySize(spec types.DataKeySpec, count *int32) (int, error) {
	const mostBytes = 1024
	switch {
	case (spec == "") == (count == nil):
		return 0, cloud.Errorf("ValidationException", "Please specify either number of bytes or key spec.")
	case spec == types.DataKeySpecAes256:
		return 32, nil
	case spec == types.DataKeySpecAes128:
		return 16, nil
	case *count < 1 || *count > mostBytes:
		return 0, cloud.Errorf("ValidationException", "NumberOfBytes is %d; it is from 1 to %d.", *count, mostBytes)
	}
	return int(*count), nil
}
