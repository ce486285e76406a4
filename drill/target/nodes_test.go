package target

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/drill/workload"
	"haven/infra/outputs"
)

func TestANodeThatTakesConnectionsAndAnswersNothingIsMissing(t *testing.T) {
	answering := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(answering.Close)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { silent.Close() })
	e := &Environment{Outputs: outputs.Outputs{URL: "http://www.example.com"}, Nodes: []workload.Node{
		{Zone: "a", Address: strings.TrimPrefix(answering.URL, "http://")}, {Zone: "b", Address: silent.Addr().String()}, {Zone: "c"},
	}}
	missing, err := e.missingNodes(t.Context())
	require.NoError(t, err)
	require.Len(t, missing, 1)
	require.Contains(t, missing[0], "zone b answers nothing")
}
