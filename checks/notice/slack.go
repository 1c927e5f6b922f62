package notice

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf16"
)

// What Slack takes, in characters. Source: docs.slack.dev, chat.postMessage and Block
// Kit's header and section.
const (
	longestText    = 40000
	longestSection = 3000
	longestHeader  = 150
	longestField   = 2000
)

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type slackBlock struct {
	Type   string      `json:"type"`
	Text   *slackText  `json:"text,omitempty"`
	Fields []slackText `json:"fields,omitempty"`
}

// slack is the body for an incoming webhook of Slack. The text says everything by
// itself, because others who take this shape show nothing else.
func slack(n News) ([]byte, error) {
	title := strings.Join(strings.Fields(n.Title), " ")
	look := link(n.URL)
	room := longestText - 2*longestField
	text := "*" + fit(strings.ReplaceAll(title, "*", "∗"), longestField) + "*"
	if n.Text != "" {
		text += "\n" + fit(n.Text, room)
	}
	blocks := []slackBlock{{Type: "header", Text: &slackText{"plain_text", cut(title, longestHeader)}}}
	if n.Text != "" {
		blocks = append(blocks, slackBlock{Type: "section", Text: &slackText{"mrkdwn", fit(n.Text, longestSection)}})
	}
	var fields []slackText
	for _, f := range []struct{ name, value string }{
		{"Repository", n.Repository}, {"Environment", n.Environment}, {"Release", n.Release}, {"Serves again", n.To}, {"Commit", short(n.Commit)}, {"Delivery", n.Delivery},
	} {
		if f.value != "" {
			fields = append(fields, slackText{"mrkdwn", "*" + f.name + "*\n" + fit(f.value, longestField-40)})
		}
	}
	if len(fields) > 0 {
		blocks = append(blocks, slackBlock{Type: "section", Fields: fields})
	}
	if look != "" {
		text += "\n" + look
		blocks = append(blocks, slackBlock{Type: "section", Text: &slackText{"mrkdwn", look}})
	}
	return json.Marshal(struct {
		Text   string       `json:"text"`
		Blocks []slackBlock `json:"blocks"`
	}{text, blocks})
}

// link is a link in Slack's words, empty for what is no address of a page.
func link(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(address) > longestField/2 {
		return ""
	}
	return "<" + strings.NewReplacer("&", "&amp;", "<", "%3C", ">", "%3E", "|", "%7C").Replace(u.String()) + "|Look at it>"
}

// short is a commit as people write it.
func short(commit string) string { return commit[:min(len(commit), 12)] }

// crowd matches what would call everybody in a channel of Mattermost or Discord. Slack's
// own way to do that begins with <, which is escaped.
var crowd = regexp.MustCompile(`(?i)@(everyone|here|channel|all)\b`)

// fit is a text as Slack reads it, escaped, and not longer than it takes.
func fit(text string, limit int) string {
	return clip(crowd.ReplaceAllString(text, "@\u200b$1"), limit, func(r rune) string {
		switch r {
		case '&':
			return "&amp;"
		case '<':
			return "&lt;"
		case '>':
			return "&gt;"
		}
		return string(r)
	})
}

// cut is a text that is shown as it is, and not longer than limit.
func cut(text string, limit int) string {
	return clip(text, limit, func(r rune) string { return string(r) })
}

// clip writes a text rune by rune and ends it with … where it would be longer than
// limit. What a rune becomes is never cut in half.
func clip(text string, limit int, write func(rune) string) string {
	var b strings.Builder
	used, safe := 0, 0
	for _, r := range text {
		one := write(r)
		used += len(utf16.Encode([]rune(one)))
		if used > limit {
			return b.String()[:safe] + "…"
		}
		b.WriteString(one)
		if used < limit {
			safe = b.Len() // an … fits behind it
		}
	}
	return b.String()
}
