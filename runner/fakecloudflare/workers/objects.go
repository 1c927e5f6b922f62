package workers

import (
	"maps"
	"slices"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// objectsBody is a namespace of Durable Objects as the list shows it.
type objectsBody struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Script string `json:"script"`
	Class  string `json:"class"`
	SQLite bool   `json:"use_sqlite"`
}

// getObjects lists the Durable Object classes of all scripts, by script and class.
func (ws *Workers) getObjects(c *envelope.Call) (envelope.Answer, error) {
	all := []objectsBody{}
	for _, s := range ws.Scripts.All() {
		for _, class := range slices.Sorted(maps.Keys(s.Classes.ByName)) {
			has := s.Classes.ByName[class]
			all = append(all, objectsBody{ID: has.Namespace, Name: s.Name + "_" + class, Script: s.Name, Class: class, SQLite: has.SQLite})
		}
	}
	return envelope.Paged(c, all, 20, 1000)
}
