package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBackupsThatARestoreCouldBeginWithAreKept(t *testing.T) {
	now := time.Now()
	day := func(ago int) backup {
		return backup{Began: now.AddDate(0, 0, -ago).Add(-time.Minute), Ended: now.AddDate(0, 0, -ago)}
	}
	for name, test := range map[string]struct {
		all  []backup
		want int // how many are dropped
	}{
		"none":                                {nil, 0},
		"one, however old":                    {[]backup{day(40)}, 0},
		"all within the time":                 {[]backup{day(2), day(1)}, 0},
		"one before the horizon is needed":    {[]backup{day(8), day(6), day(1)}, 0},
		"what is before that one is not":      {[]backup{day(10), day(9), day(8), day(6)}, 2},
		"one that ended just at the horizon":  {[]backup{day(8), day(7), day(1)}, 1},
		"the youngest is kept whatever it is": {[]backup{day(30), day(20)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			drop, keep := expired(test.all, now.AddDate(0, 0, -7))
			require.Len(t, drop, test.want)
			require.Len(t, keep, len(test.all)-test.want)
		})
	}
}

func TestOnlyTheLogBeforeTheOldestBackupIsSuperfluous(t *testing.T) {
	start := "000000020000000100000010"
	for file, want := range map[string]bool{
		"00000002000000010000000F.gz":                 true,
		"00000001000000010000000F.gz":                 true,
		"0000000100000000000000FF.gz":                 true,
		"00000001000000010000000F.00000028.backup.gz": true,
		"000000020000000100000010.gz":                 false,
		"000000010000000100000010.gz":                 false, // the end of a timeline may hold what the next one began with
		"000000030000000100000011.gz":                 false,
		"000000020000000200000000.gz":                 false,
		"00000002.history.gz":                         false,
		"something":                                   false,
	} {
		require.Equal(t, want, superfluous(file, start), file)
	}
	require.False(t, superfluous("000000010000000000000001.gz", ""), "without a backup nothing is superfluous")
}

func TestTheStartOfABackupIsFound(t *testing.T) {
	segment, err := startSegment("pg_basebackup: checkpoint completed\npg_basebackup: write-ahead log start point: 1/40C00028 on timeline 3\n")
	require.NoError(t, err)
	require.Equal(t, "000000030000000100000103", segment)
	_, err = startSegment("nothing of the kind")
	require.Error(t, err)
}

func TestDeferredParametersKeepTheirValueUntilTheNextStart(t *testing.T) {
	now := map[string]string{"work_mem": "4096", "gone": "1"}
	next := changed(now, map[string]string{"work_mem": "8192", "log_statement": "ddl", "jit": "0"}, []string{"work_mem", "jit"})
	require.Equal(t, map[string]string{"work_mem": "4096", "log_statement": "ddl"}, next)
}

func TestAReaderIsNotBelowItsWritersLimits(t *testing.T) {
	floors := floorsOf("pg_control version number:            1300\nmax_connections setting:              321\nmax_worker_processes setting:         8\n")
	require.Equal(t, map[string]string{"max_connections": "321", "max_worker_processes": "8"}, floors)
	values := map[string]string{"max_connections": "200", "max_worker_processes": "16"}
	raise(values, floors)
	require.Equal(t, map[string]string{"max_connections": "321", "max_worker_processes": "16"}, values)
}
