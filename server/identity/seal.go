package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// sealForm is the first byte of an encrypted secret, so that another form can follow.
const sealForm = 1

// seal encrypts a secret under one of the derived keys so that it opens for its owner only (SEC-31).
func (d *Directory) seal(key []byte, owner string, secret []byte) ([]byte, error) {
	aead, err := secretCipher(key)
	if err != nil {
		return nil, err
	}
	nonce, err := d.random(aead.NonceSize())
	if err != nil {
		return nil, err
	}
	sealed := append([]byte{sealForm}, nonce...)
	return aead.Seal(sealed, nonce, secret, []byte(owner)), nil
}

// unseal is the inverse of seal. It fails on a secret of another owner or under another key.
func unseal(key []byte, owner string, sealed []byte) ([]byte, error) {
	aead, err := secretCipher(key)
	if err != nil {
		return nil, err
	}
	if len(sealed) < 1+aead.NonceSize() || sealed[0] != sealForm {
		return nil, errors.New("unknown form")
	}
	nonce, text := sealed[1:1+aead.NonceSize()], sealed[1+aead.NonceSize():]
	secret, err := aead.Open(nil, nonce, text, []byte(owner))
	if err != nil {
		return nil, fmt.Errorf("does not open with this key: %w", err)
	}
	return secret, nil
}

func secretCipher(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return cipher.NewGCM(block)
}
