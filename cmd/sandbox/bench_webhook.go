package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

// How the servers are sent deliveries: as fast as they answer, so many a second whether
// they answer or not, and in a burst that comes within a second.
const (
	atOnce     = 16 // connections
	steady     = 1000
	burstWidth = 64
)

// amounts are how many deliveries of a kind a server is sent.
type amounts struct{ ignored, work, steady, burst int }

var benched = amounts{4000, 4000, 4000, 5000}

// kinds are how many there are.
const kinds = 4

// share is what one server made of one kind of deliveries.
type share struct {
	server, what string
	sent         []*delivery
	took         time.Duration
	lost         int
}

// footprint is how much memory a server has used, in bytes.
type footprint struct {
	server     string
	rest, peak int64
	// work is the processor's time for each delivery, whatever became of it.
	work time.Duration
}

// benchWebhook measures, in one run on this machine, how many signed deliveries a second
// our server and two others answer, what becomes of a burst, and what each of them has
// lost when it is killed right after it.
func benchWebhook(ctx context.Context, _ benchFlags) error {
	dir, err := os.MkdirTemp("", "sandbox-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	disk, err := fsync(dir)
	if err != nil {
		return err
	}
	var shares []share
	var prints []footprint
	var left []string
	for _, c := range contestants {
		fmt.Fprintln(os.Stderr, "measuring "+c.name)
		s, f, err := c.measure(ctx, filepath.Join(dir, c.short), benched)
		if err != nil && c.short == ours {
			return err
		}
		if err != nil {
			left = append(left, fmt.Sprintf("%s was left out: %v", c.name, err))
			continue
		}
		shares, prints = append(shares, s...), append(prints, f)
	}
	fmt.Printf("\n%d connections, deliveries of %.1f kB on average; to have 8 kB on this disk takes %s (median)\n\n", atOnce, average(shares[0].sent), disk.Round(10*time.Microsecond))
	if err := printShares(os.Stdout, shares); err != nil {
		return err
	}
	if err := printFootprints(os.Stdout, prints); err != nil {
		return err
	}
	for _, why := range left {
		fmt.Println(why)
	}
	return nil
}

// measure starts a server and sends it what it may ignore, what it must work on, and a
// burst of the latter; then it kills it and looks what is left.
func (c contestant) measure(ctx context.Context, dir string, n amounts) ([]share, footprint, error) {
	f := footprint{server: c.name}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, f, err
	}
	github, err := openAsked()
	if err != nil {
		return nil, f, err
	}
	defer github.close()
	s, err := c.start(ctx, dir, github.url)
	if err != nil {
		return nil, f, err
	}
	defer s.kill()
	time.Sleep(time.Second)
	if f.rest, err = s.memory("VmRSS"); err != nil {
		return nil, f, err
	}
	all := c.sent(ctx, s, n)
	if f.peak, err = s.memory("VmHWM"); err != nil {
		return nil, f, err
	}
	s.kill()
	f.work = (s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime()) / time.Duration(n.ignored+n.work+n.steady+n.burst)
	kept, err := s.kept(github)
	if err != nil {
		return nil, f, err
	}
	for i := range all {
		for _, d := range all[i].sent {
			if d.accepted() && !kept[d.guid] && (s.keepsAll || all[i].what != "ignored") {
				all[i].lost++
			}
		}
	}
	return all, f, ctx.Err()
}

// sent are the deliveries of each kind and what the server answered.
func (c contestant) sent(ctx context.Context, s *contender, n amounts) []share {
	type kind struct {
		share
		width, rate int
	}
	all := make([]share, 0, kinds)
	for _, k := range []kind{
		{share{what: "ignored", sent: deliveries(s, "success", "a", n.ignored)}, atOnce, 0},
		{share{what: "work", sent: deliveries(s, "failure", "b", n.work)}, atOnce, 0},
		{share{what: fmt.Sprintf("work, %d/s", steady), sent: deliveries(s, "failure", "c", n.steady)}, atOnce, steady},
		{share{what: "burst of work", sent: deliveries(s, "failure", "d", n.burst)}, burstWidth, n.burst},
	} {
		k.server = c.name
		k.took = flood(ctx, s.address, k.width, k.rate, k.sent)
		all = append(all, k.share)
	}
	return all
}

// fsync is the median time that it takes to have a page on the disk.
func fsync(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "page"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	took := make([]time.Duration, 500)
	for i := range took {
		began := time.Now()
		if _, err := f.Write(make([]byte, 8192)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// average is the size of a request in kB.
func average(all []*delivery) float64 {
	sum := 0
	for _, d := range all {
		sum += len(d.request)
	}
	return float64(sum) / float64(len(all)) / 1000
}

// rate is how many deliveries a second were accepted.
func (s share) rate() float64 { return float64(s.accepted()) / s.took.Seconds() }

func (s share) accepted() int {
	n := 0
	for _, d := range s.sent {
		if d.accepted() {
			n++
		}
	}
	return n
}

// slowest is how long the quickest so many per mille took at most.
func (s share) slowest(mille int) time.Duration {
	sorted := slices.SortedFunc(slices.Values(s.sent), func(a, b *delivery) int { return cmp.Compare(a.took, b.took) })
	return sorted[(len(sorted)-1)*mille/1000].took
}

func printShares(out io.Writer, all []share) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SERVER\tDELIVERIES\tSENT\tACCEPTED/S\tP50\tP99\tREFUSED\tLOST AFTER A KILL\tACCEPTED/S, OURS TO THEIRS")
	for i, s := range all {
		ratio := ""
		if i >= kinds && s.rate() > 0 {
			ratio = fmt.Sprintf("%.1f", all[i%kinds].rate()/s.rate())
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%.0f\t%.1f ms\t%.1f ms\t%d\t%d\t%s\n", s.server, s.what, len(s.sent), s.rate(),
			float64(s.slowest(500).Microseconds())/1000, float64(s.slowest(990).Microseconds())/1000, len(s.sent)-s.accepted(), s.lost, ratio)
	}
	return w.Flush()
}

func printFootprints(out io.Writer, all []footprint) error {
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SERVER\tMEMORY AT REST\tAT ITS PEAK\tPROCESSOR FOR EACH DELIVERY")
	for _, f := range all {
		fmt.Fprintf(w, "%s\t%.0f MB\t%.0f MB\t%.2f ms\n", f.server, float64(f.rest)/1e6, float64(f.peak)/1e6, float64(f.work.Microseconds())/1000)
	}
	return w.Flush()
}
