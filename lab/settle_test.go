package lab

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestARequestRestsOnceAtItsEnd(t *testing.T) {
	var got string
	var rested time.Duration
	handler := settled(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		raw, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		_, err = r.Body.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		got, rested = string(raw), time.Since(begun)
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader("Action=DescribeVpcs")))
	require.Equal(t, "Action=DescribeVpcs", got)
	require.GreaterOrEqual(t, rested, settleTime)
}

func TestARequestWithoutABodyDoesNotRest(t *testing.T) {
	handler := settled(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, resting := r.Body.(*settlingBody)
		require.False(t, resting)
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
}
