package outputs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"haven/infra/outputs"
)

func TestParse(t *testing.T) {
	got, err := outputs.Parse([]byte(`{"url":"https://www.haven.test","network":{"zones":[{"letter":"a","subnets":{"app":"subnet-1"}}]}}`))
	require.NoError(t, err)
	require.Equal(t, "https://www.haven.test", got.URL)
	require.Equal(t, "subnet-1", got.Network.Zones[0].Subnets["app"])
}

func TestParseRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, wrong := range []string{`{"uri":"x"}`, `{"network":{"vpc":"x"}}`, `{"url":1}`, ``, `[]`} {
		_, err := outputs.Parse([]byte(wrong))
		require.ErrorContains(t, err, "decoding the stack's outputs", wrong)
	}
}
