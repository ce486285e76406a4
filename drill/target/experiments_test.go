package target_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"haven/drill/target"
	"haven/infra/outputs"
)

// experiments is as much of AWS's Fault Injection Service as a drill uses: one template's experiments, by their states.
type experiments struct {
	mu      sync.Mutex
	states  map[string]string
	stopped []string
	begin   string // the state that a started experiment goes on to
}

func (x *experiments) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	id := strings.TrimPrefix(r.URL.Path, "/experiments/")
	switch {
	case r.Method == http.MethodPost:
		x.states["EXP9"] = x.begin
		fmt.Fprint(w, `{"experiment":{"id":"EXP9"}}`)
	case r.Method == http.MethodDelete:
		x.stopped, x.states[id] = append(x.stopped, id), "stopped"
		fmt.Fprint(w, `{"experiment":{}}`)
	case r.URL.Path == "/experiments":
		var all []string
		for id, state := range x.states {
			all = append(all, fmt.Sprintf(`{"id":%q,"state":{"status":%q}}`, id, state))
		}
		fmt.Fprintf(w, `{"experiments":[%s]}`, strings.Join(all, ","))
	default:
		fmt.Fprintf(w, `{"experiment":{"id":%q,"state":{"status":%q,"reason":"so"}}}`, id, x.states[id])
	}
}

func open(t *testing.T, x *experiments) *target.Environment {
	server := httptest.NewServer(x)
	t.Cleanup(server.Close)
	return &target.Environment{
		Config:  aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")},
		Outputs: outputs.Outputs{Drills: map[string]string{"disrupt-zone-a": "EXT1"}},
	}
}

func TestExperimentsAreStoppedThatAreUnderWay(t *testing.T) {
	x := &experiments{states: map[string]string{"EXP1": "completed", "EXP2": "running", "EXP3": "stopped", "EXP4": "initiating", "EXP5": "failed"}}
	e := open(t, x)
	require.NoError(t, e.StopExperiments(t.Context(), "EXT1"))
	require.ElementsMatch(t, []string{"EXP2", "EXP4"}, x.stopped)
	require.NoError(t, e.StopExperiments(t.Context(), "EXT1"), "again is nothing")
	require.Len(t, x.stopped, 2)
}

func TestAnExperimentIsUsedOnceItRuns(t *testing.T) {
	x := &experiments{states: map[string]string{}, begin: "running"}
	e := open(t, x)
	require.NoError(t, e.StartExperiment(t.Context(), "EXT1"))
	id, err := e.ExperimentTemplate("disrupt-zone-a")
	require.NoError(t, err)
	require.Equal(t, "EXT1", id)
	_, err = e.ExperimentTemplate("disrupt-zone-b")
	require.ErrorContains(t, err, "haven:drills")
}
