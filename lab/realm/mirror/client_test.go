package mirror

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMountArguments(t *testing.T) {
	o, err := parseMount([]string{"fs-0123456789abcdef0:/sub", "/srv/x", "-o", "rw,_netdev,tls,iam,accesspoint=fsap-1"})
	require.NoError(t, err)
	require.Equal(t, mountOptions{fileSystem: "fs-0123456789abcdef0", path: "/sub", dir: "/srv/x", accessPoint: "fsap-1", tls: true, iam: true}, o)
	o, err = parseMount([]string{"fs-01.efs.us-east-1.amazonaws.com:/", "/srv/x", "-o", "ro,noresvport,nfsvers=4.1"})
	require.NoError(t, err)
	require.Equal(t, "fs-01", o.fileSystem)
	require.Equal(t, "us-east-1", o.region)
	require.True(t, o.readOnly)
	for problem, args := range map[string][]string{
		"usage":                   {"fs-01"},
		"no file system":          {"server:/", "/x"},
		"iam needs":               {"fs-01", "/x", "-o", "iam"},
		"accesspoint needs":       {"fs-01", "/x", "-o", "accesspoint=fsap-1"},
		`not know the option "z"`: {"fs-01", "/x", "-o", "z"},
	} {
		_, err := parseMount(args)
		require.ErrorContains(t, err, problem)
	}
}

func TestPathsStayBelowTheRoot(t *testing.T) {
	for absolute, want := range map[string]string{"/": ".", "": ".", "/a/b": "a/b", "/../../etc": "etc", "a/../..": "."} {
		require.Equal(t, want, relative(absolute), absolute)
	}
}

func FuzzReadMessage(f *testing.F) {
	good := make([]byte, 40)
	binary.NativeEndian.PutUint32(good, 40)
	f.Add(good)
	f.Add([]byte{1, 0, 0, 0})
	f.Add([]byte{255, 255, 255, 255, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		message, err := readMessage(bytes.NewReader(raw), make([]byte, maxMessage))
		if err == nil {
			require.Equal(t, uint32(len(message)), binary.NativeEndian.Uint32(message))
			require.Equal(t, raw[:len(message)], message)
		}
	})
}
