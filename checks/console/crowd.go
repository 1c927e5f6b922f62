package console

import "sync"

// most is how many readers may be told of changes at the same time.
const most = 64

// crowd counts those who are told.
type crowd struct {
	mu   sync.Mutex
	n    int
	gone chan struct{} // closed when nobody is told any more
	over bool
}

// enter takes a seat, if there is one.
func (c *crowd) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.n >= most {
		return false
	}
	c.n++
	return true
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n--
}

func (c *crowd) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.over = true
		close(c.gone)
	}
}
