package asset_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/asset"
	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/ask"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
)

type place struct {
	ask.Room
	*asset.Sessions
}

type session struct {
	JWT     string
	Buckets [][]string
}

func newPlace(t *testing.T, clock func() time.Time) place {
	s := asset.New(mint.New(clock, 1))
	return place{ask.Room{T: t, Endpoints: s.Endpoints()}, s}
}

func hash(n int) string { return fmt.Sprintf("%032x", n) }

// begin opens a session for n files of one byte.
func (p place) begin(n int) session {
	p.T.Helper()
	manifest := map[string]asset.Entry{}
	for i := range n {
		manifest[fmt.Sprintf("/f%d", i)] = asset.Entry{Hash: hash(i), Size: 1}
	}
	body, _ := json.Marshal(map[string]any{"manifest": manifest})
	var s session
	p.Must("POST /accounts/a/workers/scripts/w/assets-upload-session", string(body), &s)
	return s
}

func (p place) upload(token string, hashes []string, content string) ask.Reply {
	p.T.Helper()
	var b strings.Builder
	for _, h := range hashes {
		fmt.Fprintf(&b, "--x\r\nContent-Disposition: form-data; name=%q; filename=%q\r\nContent-Type: text/html\r\n\r\n%s\r\n", h, h, base64.StdEncoding.EncodeToString([]byte(content)))
	}
	b.WriteString("--x--\r\n")
	return p.Do("POST /accounts/a/workers/assets/upload?base64=true", b.String(), "Authorization", "Bearer "+token, "Content-Type", "multipart/form-data; boundary=x")
}

func TestOnlyAllBucketsGiveTheCompletionToken(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	s := p.begin(8)
	if len(s.Buckets) != 2 {
		t.Fatalf("8 files make %d buckets", len(s.Buckets))
	}
	if _, err := p.Files("w", s.JWT); err == nil {
		t.Error("the session's token passed for the completion token")
	}
	if reply := p.upload(s.JWT, s.Buckets[0], "a"); reply.Status != 202 || strings.Contains(string(reply.Result), "jwt") {
		t.Errorf("the first bucket: %d %s", reply.Status, reply.Result)
	}
	reply := p.upload(s.JWT, s.Buckets[1], "a")
	var done session
	if err := json.Unmarshal(reply.Result, &done); err != nil || reply.Status != 201 || done.JWT == "" {
		t.Fatalf("the last bucket: %d %s", reply.Status, reply.Result)
	}
	files, err := p.Files("w", done.JWT)
	if err != nil || files["/f7"] != hash(7) {
		t.Errorf("files %v, %v", files, err)
	}
	if blob, ok := p.Blob(hash(7)); !ok || string(blob.Body) != "a" || blob.Type != "text/html" {
		t.Errorf("blob %+v", blob)
	}
	if _, err := p.Files("other", done.JWT); err == nil {
		t.Error("another script could use the token")
	}
	again := p.begin(8)
	if len(again.Buckets) != 0 {
		t.Errorf("known files are asked for again: %v", again.Buckets)
	}
	if _, err := p.Files("w", again.JWT); err != nil {
		t.Errorf("a session without buckets: %v", err)
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := newPlace(t, func() time.Time { return now })
	s := p.begin(1)
	for name, reply := range map[string]ask.Reply{
		"a forged token":  p.upload(s.JWT+"x", s.Buckets[0], "a"),
		"no token":        p.upload("", s.Buckets[0], "a"),
		"another file":    p.upload(s.JWT, []string{hash(9)}, "a"),
		"another size":    p.upload(s.JWT, s.Buckets[0], "abc"),
		"not base64":      p.Do("POST /accounts/a/workers/assets/upload", "", "Authorization", "Bearer "+s.JWT),
		"not a form":      p.Do("POST /accounts/a/workers/assets/upload?base64=true", "{}", "Authorization", "Bearer "+s.JWT),
		"a path of no /":  p.Do("POST /accounts/a/workers/scripts/w/assets-upload-session", `{"manifest":{"x":{"hash":"`+hash(1)+`","size":1}}}`),
		"a hash of no 32": p.Do("POST /accounts/a/workers/scripts/w/assets-upload-session", `{"manifest":{"/x":{"hash":"1","size":1}}}`),
	} {
		if reply.Status < 400 {
			t.Errorf("%s: %d", name, reply.Status)
		}
	}
	now = now.Add(2 * time.Hour)
	if reply := p.upload(s.JWT, s.Buckets[0], "a"); reply.Status != 401 {
		t.Errorf("an expired token: %d", reply.Status)
	}
}
