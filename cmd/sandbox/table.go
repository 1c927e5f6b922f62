package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/tminus/deploy-action/runner/bundle"
)

// print shows both sides and their ratio.
func (b *benchmark) print(out io.Writer) error {
	fmt.Fprintf(out, "\nlatency %s for every answer of the API\n\n", b.latency)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tBY\tTIME\tCALLS\tWRITES\tROUND TRIPS\tPEAK MEMORY\tTIMES FASTER")
	for i, row := range b.rows {
		for j, m := range row {
			what, ratio, memory := "", "", ""
			if j == 0 {
				what = b.titles[i]
				ratio = fmt.Sprintf("%.1f", row[1].took.Seconds()/m.took.Seconds())
			}
			if m.memory > 0 {
				memory = bundle.SizeText(int(m.memory))
			}
			calls := []string{"", "", ""}
			if m.calls > 0 {
				calls = []string{fmt.Sprint(m.calls), fmt.Sprint(m.writes), fmt.Sprint(m.roundTrips)}
			}
			fmt.Fprintf(w, "%s\t%s\t%.2f s\t%s\t%s\t%s\t%s\t%s\n", what, m.name, m.took.Seconds(), calls[0], calls[1], calls[2], memory, ratio)
		}
	}
	return w.Flush()
}
