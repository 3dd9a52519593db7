package identity

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxPassword is the longest password in characters; up to it all of them count (SEC-27).
const maxPassword = 256

// commonPasswords are widely used passwords and words that people build passwords from, one a line, lower case.
//
//go:embed common-passwords.txt
var commonPasswords string

// common answers whether a word stands in the list; it is parsed at the first use.
var common = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for line := range strings.Lines(commonPasswords) {
		if word := strings.TrimSpace(line); word != "" && !strings.HasPrefix(word, "#") {
			set[word] = true
		}
	}
	return set
})

// preparePassword returns the form of a password that is hashed, NFC, so that the same keys on another system give the same
// password; ok is false if it is longer than any that was accepted.
func preparePassword(password string) (prepared string, ok bool) {
	if len(password) > maxPassword*utf8.UTFMax {
		return "", false
	}
	prepared = norm.NFC.String(password)
	return prepared, utf8.RuneCountInString(prepared) <= maxPassword
}

// judgePassword returns a *PasswordError if a prepared password is not good enough: too short, widely used, or made of what
// everybody knows about the person (context: names, address, company). There is no rule on kinds of characters (SEC-27).
func judgePassword(password string, shortest int, context ...string) error {
	refuse := func(key string) error {
		return &PasswordError{Key: key, Min: shortest, Max: maxPassword}
	}
	if utf8.RuneCountInString(password) < shortest {
		return refuse("identity.password.short")
	}
	lower := strings.ToLower(password)
	if isCommon(lower) || isPattern(lower) {
		return refuse("identity.password.common")
	}
	rest := lower
	for _, word := range contextWords(context) {
		rest = strings.ReplaceAll(rest, word, "")
	}
	if rest != lower && (utf8.RuneCountInString(rest) < 8 || isCommon(rest) || isPattern(rest)) {
		return refuse("identity.password.context")
	}
	return nil
}

// isCommon reports whether s is a listed word, alone, repeated, or with digits and signs around it.
func isCommon(s string) bool {
	words := common()
	core := strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, word := range []string{s, core, unleet.Replace(s), unleet.Replace(core)} {
		if words[word] {
			return true
		}
		if n := period(word); n > 0 && words[word[:n]] {
			return true
		}
	}
	return false
}

// unleet undoes the usual replacements of letters.
var unleet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// period returns the length of the shortest text that s repeats, or 0.
func period(s string) int {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n == 0 && strings.Repeat(s[:n], len(s)/n) == s {
			return n
		}
	}
	return 0
}

// isPattern reports whether s has fewer than five different characters or consists of runs along the alphabet, the digits or
// a row of keys (German, Swedish and English keyboards).
func isPattern(s string) bool {
	different := map[rune]bool{}
	for _, r := range s {
		different[r] = true
	}
	if len(different) < 5 {
		return true
	}
	runes := []rune(s)
	along := 0
	for i := 1; i < len(runes); i++ {
		pair := string(runes[i-1 : i+1])
		back := string([]rune{runes[i], runes[i-1]})
		for _, row := range keyRows {
			if strings.Contains(row, pair) || strings.Contains(row, back) {
				along++
				break
			}
		}
	}
	return along*4 >= (len(runes)-1)*3
}

var keyRows = [...]string{
	"01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopåüasdfghjklöäzxcvbnm", "qwertzuiopüasdfghjklöäyxcvbnm",
	"1qaz2wsx3edc4rfv5tgb6zhn7ujm", "1q2w3e4r5t6y7u8i9o0p",
}

// contextWords splits texts about a person into the words of at least four letters, longest first so that none hides in another.
func contextWords(texts []string) []string {
	words := []string{"tagwerk"}
	for _, text := range texts {
		lower := strings.ToLower(norm.NFC.String(text))
		for _, word := range strings.FieldsFunc(lower, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if utf8.RuneCountInString(word) >= 4 {
				words = append(words, word)
			}
		}
	}
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	return words
}
