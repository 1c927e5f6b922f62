package repository

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Commit is one state of the files.
type Commit struct {
	SHA, Message string
	Parent       string // empty for the first
	Merged       string // the second parent, of a merge
	Author       *identity.User
	At           time.Time
	Files        map[string]string
}

// Pull is a pull request.
type Pull struct {
	ID         int64
	Number     int64
	Title      string
	Head, Base string // branches
	HeadSHA    string
	Author     *identity.User
	At         time.Time
}

// Repo is the repository.
type Repo struct {
	ID      int64
	Name    string
	Private bool
	Main    string // the default branch
	Owner   *identity.User
	Pulls   []*Pull
	Made    time.Time

	now     func() time.Time
	newID   func() int64
	commits map[string]*Commit
	refs    map[string]string // heads/main, tags/v1: identifier of a commit
}

// New makes a repository without a commit.
func New(dir *identity.Directory, name string) *Repo {
	return &Repo{
		ID: dir.NewID(), Name: name, Main: "main", Owner: dir.Owner, Made: dir.Now(), now: dir.Now, newID: dir.NewID,
		commits: map[string]*Commit{}, refs: map[string]string{},
	}
}

// FullName is owner/name.
func (r *Repo) FullName() string { return r.Owner.Login + "/" + r.Name }

// API is the repository's address, without a slash at the end.
func (r *Repo) API(l wire.Links) string { return l.API + "/repos/" + r.FullName() }

// Web is the address of the repository's pages.
func (r *Repo) Web(l wire.Links) string { return l.Web + "/" + r.FullName() }

// Commit adds a commit to a branch, whose files are those of its parent and
// these; a file whose content is empty is gone. It returns the identifier, which
// the same history always has.
func (r *Repo) Commit(branch, message string, author *identity.User, files map[string]string) string {
	parent := r.refs["heads/"+branch]
	if parent == "" {
		parent = r.refs["heads/"+r.Main]
	}
	all := map[string]string{}
	if p := r.commits[parent]; p != nil {
		maps.Copy(all, p.Files)
	}
	for path, text := range files {
		if all[path] = text; text == "" {
			delete(all, path)
		}
	}
	h := sha1.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n", branch, parent, message)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(h, "%s\n%s\n", path, all[path])
	}
	sha := hex.EncodeToString(h.Sum(nil))
	r.Put(&Commit{SHA: sha, Message: message, Parent: parent, Author: author, At: r.now(), Files: all})
	r.refs["heads/"+branch] = sha
	for _, p := range r.Pulls {
		if p.Head == branch {
			p.HeadSHA = sha
		}
	}
	return sha
}

// Put adds a commit as it is, on no branch.
func (r *Repo) Put(c *Commit) {
	if c.At.IsZero() {
		c.At = r.now()
	}
	r.commits[c.SHA] = c
}

// Point makes a branch or tag (heads/main, tags/v1) name a commit.
func (r *Repo) Point(ref, sha string) { r.refs[ref] = sha }

var hex40 = regexp.MustCompile(`^[0-9a-f]{40}$`)

// BySHA returns the commit of a whole identifier.
func (r *Repo) BySHA(sha string) (*Commit, bool) {
	c, ok := r.commits[sha]
	return c, ok && hex40.MatchString(sha)
}

// Resolve finds the commit that a branch, tag, identifier or the beginning of one names.
func (r *Repo) Resolve(ref string) (*Commit, bool) {
	if c, ok := r.commits[ref]; ok {
		return c, true
	}
	ref = strings.TrimPrefix(ref, "refs/")
	for _, name := range []string{ref, "heads/" + ref, "tags/" + ref} {
		if c, ok := r.commits[r.refs[name]]; ok {
			return c, true
		}
	}
	if len(ref) >= 7 {
		for sha, c := range r.commits {
			if strings.HasPrefix(sha, ref) {
				return c, true
			}
		}
	}
	return nil, false
}

// Branch returns the first branch, by name, that names a commit; empty when none does.
func (r *Repo) Branch(sha string) string {
	for _, ref := range slices.Sorted(maps.Keys(r.refs)) {
		if branch, ok := strings.CutPrefix(ref, "heads/"); ok && r.refs[ref] == sha {
			return branch
		}
	}
	return ""
}

// Ref says whether a branch or tag of that short or long name exists, and its long name.
func (r *Repo) Ref(name string) (string, bool) {
	name = strings.TrimPrefix(name, "refs/")
	for _, long := range []string{name, "heads/" + name, "tags/" + name} {
		if _, ok := r.refs[long]; ok {
			return long, true
		}
	}
	return "", false
}

// OpenPull adds a pull request from one branch into another.
func (r *Repo) OpenPull(title, head, base string, author *identity.User) *Pull {
	p := &Pull{
		ID: r.newID(), Number: int64(len(r.Pulls) + 1), Title: title, Head: head, Base: base, HeadSHA: r.refs["heads/"+head], Author: author, At: r.now(),
	}
	r.Pulls = append(r.Pulls, p)
	return p
}

// Pull finds a pull request by number.
func (r *Repo) Pull(number int64) (*Pull, bool) {
	for _, p := range r.Pulls {
		if p.Number == number {
			return p, true
		}
	}
	return nil, false
}

// Admit refuses a path that names another repository.
func (r *Repo) Admit(c *wire.Call) error {
	owner, name := c.Param("owner"), c.Param("repo")
	if (owner != "" || name != "") && !strings.EqualFold(owner+"/"+name, r.FullName()) {
		return wire.NotFound()
	}
	return nil
}

// Merge brings a commit into a branch as a commit of its own.
func (r *Repo) Merge(branch string, from *Commit) {
	head := r.refs["heads/"+branch]
	sha := r.Commit(branch, "Merge "+r.Main+" into "+branch, from.Author, from.Files)
	r.commits[sha].Parent, r.commits[sha].Merged = head, from.SHA
}

// Holds says whether a commit is another one or comes after it.
func (r *Repo) Holds(sha, older string) bool {
	seen := map[string]bool{"": true}
	for todo := []string{sha}; len(todo) > 0; {
		next := todo[0]
		todo = todo[1:]
		if c := r.commits[next]; c != nil && !seen[next] {
			if next == older {
				return true
			}
			seen[next] = true
			todo = append(todo, c.Parent, c.Merged)
		}
	}
	return false
}
