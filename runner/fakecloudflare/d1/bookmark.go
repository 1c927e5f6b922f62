package d1

import (
	"fmt"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// moment is a state of a database that can be gone back to.
type moment struct {
	bookmark string
	from     time.Time // since when the database was in this state, as far as is known
	image    []byte
}

// Bookmark returns the name of the present state, by which Restore finds it
// again. Asked twice without a change between, it is the same.
func (db *Database) Bookmark() (string, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.keep()
}

// BookmarkAt returns the name of the state at an earlier time. Known are the
// states before and after each batch of the API, and those a bookmark was
// asked for; what Workers wrote in between belongs to the later one.
func (db *Database) BookmarkAt(at time.Time) (string, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if _, err := db.keep(); err != nil {
		return "", err
	}
	created, err := time.Parse(time.RFC3339Nano, db.CreatedAt)
	if err != nil || at.Before(created.Truncate(time.Second)) {
		return "", envelope.Fail(400, 7400, "the database did not exist at %s", at.UTC().Format(time.RFC3339))
	}
	found := db.history[0]
	for _, m := range db.history {
		if !m.from.After(at) {
			found = m
		}
	}
	return found.bookmark, nil
}

// Restore brings a state back and returns the names of the state now and of the one before.
func (db *Database) Restore(bookmark string) (now, previous string, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if previous, err = db.keep(); err != nil {
		return "", "", err
	}
	for _, m := range db.history {
		if m.bookmark != bookmark {
			continue
		}
		db.trusted = true // it attaches the image as a database
		err := db.conn.Deserialize("main", m.image)
		db.trusted = false
		if err != nil {
			return "", "", fmt.Errorf("restore %s to %s: %w", db.Name, bookmark, err)
		}
		db.writes++
		now, err = db.keep()
		return now, previous, err
	}
	return "", "", envelope.Fail(400, 7400, "the bookmark %q is not one of this database", bookmark)
}

// keep remembers the present state if it changed since it was last kept.
func (db *Database) keep() (string, error) {
	if n := len(db.history); n > 0 && db.bookmark == db.writes {
		return db.history[n-1].bookmark, nil
	}
	db.trusted = true
	image, err := db.conn.Serialize("main")
	db.trusted = false
	if err != nil {
		return "", fmt.Errorf("bookmark %s: %w", db.Name, err)
	}
	now := db.mint.Now()
	m := moment{
		bookmark: fmt.Sprintf("%08x-%08x-%08x-%s", len(db.history)+1, db.writes, now.Unix()/86400, db.mint.Hex()),
		from:     now, image: image,
	}
	db.history = append(db.history, m)
	db.bookmark = db.writes
	return m.bookmark, nil
}
