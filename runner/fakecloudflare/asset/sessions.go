// Package asset takes the static files of Workers: a session says which files
// there will be, the ones not known yet are uploaded in buckets, and the last
// bucket's answer carries the token that an upload of code presents for them.
//
// A client that skips a bucket gets no such token, and a token of its own
// making does not pass: both are signed. Contents are known by the client's
// hash and are not hashed again here; their sizes are checked.
package asset

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
)

// perBucket is how many files go together; small, so that clients meet several buckets.
const perBucket = 6

// Blob is a file's content and media type.
type Blob struct {
	Type string
	Body []byte
}

type session struct {
	script  string
	paths   map[string]string // hash by path
	sizes   map[string]int    // by hash
	missing map[string]bool   // hashes still to come
}

// Sessions are all uploads of files. It is safe for concurrent use.
type Sessions struct {
	mint *mint.Mint
	key  []byte

	mu    sync.Mutex
	open  map[string]*session
	blobs map[string]Blob
}

// New returns an account without files.
func New(m *mint.Mint) *Sessions {
	return &Sessions{mint: m, key: []byte(m.Hex()), open: map[string]*session{}, blobs: map[string]Blob{}}
}

// Blob returns a file by its hash.
func (s *Sessions) Blob(hash string) (Blob, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.blobs[hash]
	return b, ok
}

// Files returns the hash of each path that a completion token stands for.
func (s *Sessions) Files(script, jwt string) (map[string]string, error) {
	t, err := s.read(jwt, "completion")
	if err != nil {
		return nil, envelope.Fail(http.StatusBadRequest, 10021, "the assets' completion token is not valid: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.open[t.Session]
	if found == nil || found.script != script {
		return nil, envelope.Fail(http.StatusBadRequest, 10021, "the assets' completion token was not made for this script")
	}
	return found.paths, nil
}

// Entry is one file of a manifest.
type Entry struct {
	Hash string `json:"hash"`
	Size int    `json:"size"`
}

// begin opens a session and returns its token and the buckets to upload. Without any the token is the completion token.
func (s *Sessions) begin(script string, manifest map[string]Entry) (string, [][]string, error) {
	made := &session{script: script, paths: map[string]string{}, sizes: map[string]int{}, missing: map[string]bool{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	var wanted []string
	for path, entry := range manifest {
		if !strings.HasPrefix(path, "/") || len(entry.Hash) != 32 {
			return "", nil, envelope.Invalid("the manifest entry %q must begin with / and have a hash of 32 digits", path)
		}
		made.paths[path], made.sizes[entry.Hash] = entry.Hash, entry.Size
		if _, known := s.blobs[entry.Hash]; !known && !made.missing[entry.Hash] {
			made.missing[entry.Hash] = true
			wanted = append(wanted, entry.Hash)
		}
	}
	slices.Sort(wanted)
	id := s.mint.UUID()
	s.open[id] = made
	if len(wanted) == 0 {
		return s.token(id, "completion"), [][]string{}, nil
	}
	return s.token(id, "session"), slices.Collect(slices.Chunk(wanted, perBucket)), nil
}

// take stores files of a session and returns the completion token once nothing is missing.
func (s *Sessions) take(id string, files map[string]Blob) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.open[id]
	if found == nil {
		return "", envelope.Fail(http.StatusUnauthorized, 10000, "the upload session does not exist")
	}
	for hash, blob := range files {
		size, expected := found.sizes[hash]
		if !expected {
			return "", envelope.Invalid("the file %s is not in this session's manifest", hash)
		}
		if size != len(blob.Body) {
			return "", envelope.Invalid("the file %s has %d bytes, its manifest says %d", hash, len(blob.Body), size)
		}
		s.blobs[hash] = blob
		delete(found.missing, hash)
	}
	if len(found.missing) > 0 {
		return "", nil
	}
	return s.token(id, "completion"), nil
}
