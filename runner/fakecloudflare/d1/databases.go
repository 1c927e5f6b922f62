package d1

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
)

// Databases are all databases of the account. It is safe for concurrent use.
type Databases struct {
	mint *mint.Mint
	mu   sync.Mutex
	all  []*Database
}

// New returns an account without databases.
func New(m *mint.Mint) *Databases { return &Databases{mint: m} }

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// Create makes an empty database. id is made up when empty; a fixture may want its own.
func (ds *Databases) Create(name, id string) (*Database, error) {
	if !nameForm.MatchString(name) {
		return nil, envelope.Fail(400, 7400, "the database name %q must be letters, digits, - and _, at most 64", name)
	}
	ds.mu.Lock()
	defer ds.mu.Unlock()
	for _, db := range ds.all {
		if db.Name == name {
			return nil, envelope.Fail(400, 7502, "A database with the name %q already exists", name)
		}
	}
	db, err := open(ds.mint, name)
	if err != nil {
		return nil, err
	}
	if id != "" {
		db.ID = id
	}
	ds.all = append(ds.all, db)
	return db, nil
}

// Find returns a database by its identifier or its name.
func (ds *Databases) Find(idOrName string) (*Database, error) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	for _, db := range ds.all {
		if db.ID == idOrName || db.Name == idOrName {
			return db, nil
		}
	}
	return nil, envelope.Fail(404, 7404, "The database %s could not be found", idOrName)
}

// Has says whether a database has this identifier.
func (ds *Databases) Has(id string) bool {
	db, err := ds.Find(id)
	return err == nil && db.ID == id
}

// Delete removes a database and its history.
func (ds *Databases) Delete(id string) error {
	db, err := ds.Find(id)
	if err != nil {
		return err
	}
	ds.mu.Lock()
	ds.all = slices.DeleteFunc(ds.all, func(other *Database) bool { return other == db })
	ds.mu.Unlock()
	return db.Close()
}

// Close gives the memory of all databases back.
func (ds *Databases) Close() error {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	var errs []error
	for _, db := range ds.all {
		errs = append(errs, db.Close())
	}
	ds.all = nil
	return errors.Join(errs...)
}

// list returns the databases whose name contains part, by name.
func (ds *Databases) list(part string) []*Database {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	var found []*Database
	for _, db := range ds.all {
		if strings.Contains(db.Name, part) {
			found = append(found, db)
		}
	}
	slices.SortFunc(found, func(a, b *Database) int { return strings.Compare(a.Name, b.Name) })
	return found
}
