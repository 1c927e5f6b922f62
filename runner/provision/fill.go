package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// fill writes the id of a store wherever it is missing, at once: until it is written,
// only the name leads to the store.
func (s Stage) fill(out *pipeline.Out, st *store, now made, how string) error {
	var places []string
	var lost []finding.Finding
	for _, m := range st.missing() {
		l, err := s.writer.write(m, now.id)
		if err != nil {
			lost = append(lost, finding.Errorf("id-not-written", m.at, "%s %s has the id %s, which could not be written here: %s", st.kind.name, st.name, now.id, err).
				Hintf("write it by hand as %s, or run again", m.field))
			continue
		}
		places = append(places, fmt.Sprintf("%s:%d", l.at.File, l.at.Line))
		note := finding.Notef("id-written", l.at, "%s is new", l.now).Hintf("commit it")
		if l.was != "" {
			out.Sayf("%s:%d - %s", l.at.File, l.at.Line, l.was)
			note.Message = fmt.Sprintf("%s stands here in place of %s", l.now, l.was)
		}
		out.Sayf("%s:%d + %s", l.at.File, l.at.Line, l.now)
		out.Note(note)
	}
	slices.Sort(places)
	switch {
	case len(places) > 0:
		out.Endf("%s; wrote its id %s to %s", how, now.id, strings.Join(places, ", "))
	case now.id != st.name && len(st.ids) > 0 && how == "made":
		out.Endf("made, its id is %s", now.id)
	default:
		out.Endf("%s", how)
	}
	return finding.Join(lost)
}

// commit says which files have to be committed.
func (s Stage) commit(_ context.Context, out *pipeline.Out) error {
	files := s.writer.written()
	switch {
	case s.options.DryRun:
		out.Endf("nothing, as this is a dry run")
	case len(files) == 0:
		out.Endf("nothing")
	default:
		out.Endf("commit %s", strings.Join(files, ", "))
	}
	if len(files) > 0 && s.options.Fleeting {
		out.Note(finding.Warnf("to-be-committed", finding.Position{File: files[0]}, "ids were written into %d files of a checkout that goes away with this job", len(files)).
			Hintf("commit %s in a later step, or copy the lines that are shown; until then the stores are found again by their names", strings.Join(files, ", ")))
	}
	return nil
}
