package conformance_test

import (
	"os"
	"testing"

	"haven/lab/conformance/world"
)

func TestMain(m *testing.M) { os.Exit(world.Main(m)) }
