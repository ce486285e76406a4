package kms

import "haven/lab/cloud"

// Seal encrypts what another service keeps, under the key that the reference names. The encryption context must be
// given again to Unseal. It returns the key's ARN.
func Seal(tx *cloud.Tx, region, ref string, plaintext []byte, context map[string]string) (blob []byte, keyARN string, err error) {
	keyARN, err = ResolveARN(tx, region, ref)
	if err != nil {
		return nil, "", err
	}
	found, err := find(tx, region, keyARN)
	if err != nil {
		return nil, "", err
	}
	blob, err = seal(found, plaintext, context)
	return blob, keyARN, err
}

// Unseal decrypts what Seal returned. Without its key, disabled or deleted, the data is lost, as in AWS.
func Unseal(tx *cloud.Tx, region string, blob []byte, context map[string]string) ([]byte, error) {
	id, rest, err := keyIDOf(blob)
	if err != nil {
		return nil, err
	}
	found, err := find(tx, region, id)
	if err != nil {
		return nil, err
	}
	if err := found.usable(); err != nil {
		return nil, err
	}
	return unseal(found, rest, context)
}
