package bundle

import "sync"

// Shelf is where bundles are put by the stage that makes them and taken from by
// the one that uploads them. The zero Shelf is
// ready.
type Shelf struct {
	mu  sync.Mutex
	all map[string]*Bundle
}

func key(worker, env string) string { return worker + " " + env }

// Put keeps the bundle of a Worker for an environment.
func (s *Shelf) Put(worker, env string, b *Bundle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]*Bundle{}
	}
	s.all[key(worker, env)] = b
}

// Get gives the bundle of a Worker for an environment, nil if none was made.
func (s *Shelf) Get(worker, env string) *Bundle {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[key(worker, env)]
}
