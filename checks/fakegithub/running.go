package fakegithub

import (
	"maps"

	"github.com/tminus/deploy-action/checks/fakegithub/workflow"
)

// WorkflowRun is a run of GitHub Actions as it stands.
type WorkflowRun struct {
	ID                 int64
	Workflow           string // path of its file
	Event, SHA, Branch string
	Status, Conclusion string
	Inputs             map[string]string // of a dispatch, with defaults
	Actor              string
}

func workflowRun(r workflow.Run) WorkflowRun {
	return WorkflowRun{
		ID: r.ID, Workflow: r.File.Path, Event: r.Event, SHA: r.SHA, Branch: r.Branch, Status: r.Status, Conclusion: r.Conclusion,
		Inputs: maps.Clone(r.Inputs), Actor: r.By.Login,
	}
}

// OnDispatch calls f, in a goroutine of its own, with every run that a dispatch makes from now on.
func (s *Server) OnDispatch(f func(WorkflowRun)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workflows.Dispatched = func(r workflow.Run) { f(workflowRun(r)) }
}

// StartRun begins a run of a workflow (its file's name) for an event such as push.
func (s *Server) StartRun(file, event, ref string) (WorkflowRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run, err := s.workflows.Begin(s.links, file, event, ref, s.who.User("octocat"))
	if err != nil {
		return WorkflowRun{}, err
	}
	return workflowRun(*run), nil
}

// SetRun gives a run a status (queued, in_progress, completed) and, when completed, its conclusion.
func (s *Server) SetRun(id int64, status, conclusion string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.workflows.Set(s.links, id, status, conclusion)
}

// WorkflowRuns lists all runs, oldest first.
func (s *Server) WorkflowRuns() []WorkflowRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []WorkflowRun
	for _, r := range s.workflows.All {
		all = append(all, workflowRun(*r))
	}
	return all
}
