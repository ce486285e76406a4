package mirror

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"golang.org/x/sys/unix"
)

// Port is where mount targets listen: NFS's.
const Port = 2049

// mountOptions are what a line of fstab or a mount command says.
type mountOptions struct {
	fileSystem  string // fs-…
	host        string // its DNS name, when that was given instead of the id
	path        string
	dir         string
	accessPoint string
	address     string // of the mount target, given as mounttargetip
	region      string
	tls, iam    bool
	readOnly    bool
}

// parseMount reads the arguments that mount(8) gives to its helpers: spec, dir and -o options.
func parseMount(args []string) (mountOptions, error) {
	var o mountOptions
	var plain []string
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-o" && i+1 < len(args):
			i++
			if err := o.takeAll(args[i]); err != nil {
				return o, err
			}
		case strings.HasPrefix(args[i], "-o"):
			if err := o.takeAll(args[i][2:]); err != nil {
				return o, err
			}
		case args[i] == "-t" || args[i] == "-N":
			i++
		case args[i] == "-r":
			o.readOnly = true
		case strings.HasPrefix(args[i], "-"): // -s, -f, -n, -v, -w: nothing to do
		default:
			plain = append(plain, args[i])
		}
	}
	if len(plain) != 2 {
		return o, errors.New("usage: mount.efs fs-0123456789abcdef0[:/path] DIR [-o tls,iam,accesspoint=fsap-…,ro,region=…]")
	}
	source, path, _ := strings.Cut(plain[0], ":")
	dir, err := filepath.Abs(plain[1])
	if err != nil {
		return o, err
	}
	o.path, o.dir = path, dir
	if o.path == "" {
		o.path = "/"
	}
	if strings.HasSuffix(source, ".amazonaws.com") {
		o.host = source
		labels := strings.Split(source, ".")
		for i, label := range labels {
			if label == "efs" && i > 0 && i+1 < len(labels) {
				source, o.region = labels[i-1], labels[i+1]
			}
		}
	}
	o.fileSystem = source
	if !strings.HasPrefix(source, "fs-") {
		return o, fmt.Errorf("%q is no file system: expected fs-… or its DNS name", plain[0])
	}
	if o.iam && !o.tls {
		return o, errors.New("the option iam needs the option tls")
	}
	if o.accessPoint != "" && !o.tls {
		return o, errors.New("the option accesspoint needs the option tls")
	}
	return o, nil
}

// ignored are options that mean nothing here, or that mount(8) and systemd deal with.
var ignored = map[string]bool{
	"rw": true, "defaults": true, "_netdev": true, "nofail": true, "noresvport": true, "auto": true, "noauto": true, "user": true, "nouser": true,
	"exec": true, "suid": true, "dev": true, "async": true, "noatime": true, "relatime": true, "hard": true, "notls": true, "nodev": true, "nosuid": true,
}

func (o *mountOptions) takeAll(list string) error {
	for option := range strings.SplitSeq(list, ",") {
		name, value, _ := strings.Cut(option, "=")
		switch {
		case name == "tls":
			o.tls = true
		case name == "iam":
			o.iam = true
		case name == "ro":
			o.readOnly = true
		case name == "accesspoint":
			o.accessPoint = value
		case name == "region":
			o.region = value
		case name == "mounttargetip":
			o.address = value
		case name == "" || ignored[name] || strings.HasPrefix(name, "x-"),
			name == "nfsvers" || name == "vers" || name == "rsize" || name == "wsize" || name == "timeo" || name == "retrans":
		default:
			return fmt.Errorf("the lab's mount.efs does not know the option %q", option)
		}
	}
	return nil
}

// locate completes region and host from the environment and the instance's metadata.
func (o *mountOptions) locate(ctx context.Context) error {
	for _, variable := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if o.region == "" {
			o.region = os.Getenv(variable)
		}
	}
	if o.region == "" {
		loaded, err := config.LoadDefaultConfig(ctx, config.WithEC2IMDSRegion())
		if err != nil {
			return fmt.Errorf("asking the metadata service for the region: %w", err)
		}
		o.region = loaded.Region
	}
	if o.region == "" {
		return errors.New("the region is not known; give the option region=…")
	}
	if o.host == "" {
		o.host = o.fileSystem + ".efs." + o.region + ".amazonaws.com"
	}
	return nil
}

// connect reaches the mount target and says what is to be mounted.
func (o *mountOptions) connect(ctx context.Context) (net.Conn, reply, error) {
	target := o.host
	if o.address != "" {
		target = o.address
	}
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(target, fmt.Sprint(Port)))
	if err != nil {
		return nil, reply{}, fmt.Errorf("connecting to the mount target %s: %w", target, err)
	}
	if o.tls {
		pool, err := roots()
		if err != nil {
			return nil, reply{}, errors.Join(err, conn.Close())
		}
		conn = tls.Client(conn, &tls.Config{ServerName: o.host, RootCAs: pool, MinVersion: tls.VersionTLS12})
	}
	answer, err := o.greet(ctx, conn)
	if err != nil {
		return nil, reply{}, errors.Join(err, conn.Close())
	}
	return conn, answer, nil
}

// roots returns the authorities to trust: the system's, or those of a file that the environment names.
func roots() (*x509.CertPool, error) {
	path := os.Getenv("HAVEN_EFS_CA")
	if path == "" {
		return nil, nil // the system's
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the authorities to trust: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("reading the authorities to trust: %s has no certificate", path)
	}
	return pool, nil
}

func (o *mountOptions) greet(ctx context.Context, conn net.Conn) (reply, error) {
	request := MountRequest{FileSystem: o.fileSystem, Path: o.path, AccessPoint: o.accessPoint, ReadOnly: o.readOnly}
	if o.iam {
		loaded, err := config.LoadDefaultConfig(ctx, config.WithRegion(o.region))
		if err != nil {
			return reply{}, fmt.Errorf("finding credentials: %w", err)
		}
		who, err := loaded.Credentials.Retrieve(ctx)
		if err != nil {
			return reply{}, fmt.Errorf("finding credentials: %w", err)
		}
		if request.Connect, err = Sign(ctx, who, o.region, o.fileSystem, o.accessPoint, time.Now()); err != nil {
			return reply{}, err
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	if err := conn.SetDeadline(deadline); err != nil {
		return reply{}, err
	}
	line, err := json.Marshal(request)
	if err != nil {
		return reply{}, err
	}
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return reply{}, fmt.Errorf("talking to the mount target: %w", err)
	}
	answer, err := readLine[reply](conn)
	if err != nil {
		return reply{}, fmt.Errorf("talking to the mount target: %w", err)
	}
	if answer.Error != "" {
		return reply{}, errors.New("the mount target refused: " + answer.Error)
	}
	return answer, conn.SetDeadline(time.Time{})
}

// readLine reads one line of JSON and not a byte more, since FUSE's messages follow.
func readLine[T any](conn net.Conn) (value T, err error) {
	one := bufio.NewReaderSize(oneByte{conn}, 16)
	var line []byte
	for len(line) < 16<<10 {
		b, err := one.ReadByte()
		if err != nil {
			return value, err
		}
		if b == '\n' {
			return value, json.Unmarshal(line, &value)
		}
		line = append(line, b)
	}
	return value, errors.New("the first line is too long")
}

// oneByte reads a byte at a time, so that a buffered reader takes no more than it is asked for.
type oneByte struct{ net.Conn }

// Read reads one byte.
func (o oneByte) Read(p []byte) (int, error) { return o.Conn.Read(p[:1]) }

// mountFuse mounts a new FUSE connection on the directory and returns it.
func (o *mountOptions) mountFuse(answer reply) (*os.File, error) {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening /dev/fuse: %w", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,max_read=%d", fd, maxWrite)
	if answer.OwnUsers {
		options += ",default_permissions"
	}
	flags := uintptr(unix.MS_NODEV | unix.MS_NOSUID)
	if o.readOnly {
		flags |= unix.MS_RDONLY
	}
	if err := unix.Mount(o.fileSystem+":"+o.path, o.dir, "fuse.efs", flags, options); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("mounting on %s: %w", o.dir, err)
	}
	return os.NewFile(uintptr(fd), "/dev/fuse"), nil
}
