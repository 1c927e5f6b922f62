package github

import (
	"strings"
	"unicode/utf8"
)

// cutMark stands at the end of a text that was cut.
const cutMark = "\n\n… (cut: the log has the rest)"

// fit cuts a text to a number of bytes, at the edge of a character.
func fit(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD") // as JSON would write it
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:max(limit-len(cutMark), 0)], "") + cutMark
}

// fitCharacters cuts a text to a number of characters.
func fitCharacters(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}
