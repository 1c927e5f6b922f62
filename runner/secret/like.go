package secret

import (
	"math"
	"regexp"
	"strings"
)

var (
	// secretName matches names of variables whose values nobody should see.
	secretName = regexp.MustCompile(`(?i)(secret|token|passw|pwd|passphrase|credential|private|salt|signature|cookie|session|auth|dsn|bearer|webhook|(^|[_-])(api|access|master|signing|encryption|license|service)?_?-?keys?($|[_-])|apikey|connection_?string|database_url)`)
	// userInfo matches an address that carries a password.
	userInfo = regexp.MustCompile(`://[^/\s:@]*:[^/\s@]+@`)
	// word matches what a key, a hash or a token is made of.
	word = regexp.MustCompile(`[A-Za-z0-9+/_=-]{16,}`)
	// known matches the beginnings of tokens that their makers gave them.
	known = regexp.MustCompile(`\b(sk|pk|rk|gh[opsur]|github_pat|glpat|xox[abprs]|AKIA|ASIA|AIza|ya29|whsec|npm)[-_A-Za-z0-9.]{8,}|-----BEGIN `)
)

// randomness is the entropy in bits for each character above which a word of
// letters and digits is taken for one that nobody made up.
const randomness = 3.2

// Like tells whether a variable looks as if its value were a secret, by its name or
// by the value itself. It is meant to say so too often rather than too rarely.
func Like(name, value string) bool {
	if secretName.MatchString(name) || userInfo.MatchString(value) || known.MatchString(value) || token.MatchString(value) || bearer.MatchString(value) {
		return true
	}
	for _, w := range word.FindAllString(value, -1) {
		if strings.ContainsAny(w, "0123456789") && entropy(w) > randomness {
			return true
		}
	}
	return false
}

// entropy is how many bits each character of a text tells, by their frequencies.
func entropy(text string) float64 {
	count := map[rune]int{}
	for _, r := range text {
		count[r]++
	}
	bits := 0.0
	for _, n := range count {
		share := float64(n) / float64(len(text))
		bits -= share * math.Log2(share)
	}
	return bits
}
