package mirror

import "haven/lab/realm/host"

// Spec is the whole desired storage of the lab. A file system that is no longer declared is deleted with its data.
type Spec struct {
	FileSystems []FileSystem
}

// FileSystem is one mirrored file system.
type FileSystem struct {
	ID           string
	Zones        []string // one device each, at least two; fixed when it is made
	Lost         []string // zones whose device is gone; one that is given back is replaced and healed
	AccessPoints []AccessPoint
	Targets      []Target
}

// AccessPoint is a directory that clients see as the root, and the user that they act as.
type AccessPoint struct {
	ID     string
	Path   string
	User   *User     // nil: the client's own
	Create *Creation // how to make the directory when it is missing; nil: it must exist
}

// User is a POSIX identity.
type User struct {
	UID, GID uint32
	Groups   []uint32
}

// Creation is the ownership of a directory that is made.
type Creation struct {
	UID, GID uint32
	Mode     uint32 // permission bits
}

// Target is one mount target.
type Target struct {
	ID        string
	Zone      string
	Namespace *host.Namespace // of its network interface; nil: not there yet
	Down      bool            // it serves nobody: its zone has lost power, or a fault was injected
}

// DeviceState tells how a zone's copy is.
type DeviceState string

// States of devices.
const (
	DeviceHealthy DeviceState = "healthy"
	DeviceLost    DeviceState = "lost"
	DeviceHealing DeviceState = "healing"
)

// Observation is what is known of a file system.
type Observation struct {
	ID      string
	Ready   bool   // it is mounted
	Reason  string // why it is not, or what went wrong last
	Devices map[string]DeviceState
	Used    int64 // bytes
	Targets []TargetObservation
}

// TargetObservation is what is known of a mount target.
type TargetObservation struct {
	ID      string
	Serving bool
	Mounts  int // connections
	Traffic Traffic
}

// MountRequest is what a client asks for; it is the first line on a connection.
type MountRequest struct {
	FileSystem  string
	Path        string // below the file system's root or the access point's
	AccessPoint string `json:",omitempty"`
	ReadOnly    bool   `json:",omitempty"`
	// Connect is a presigned URL that proves who mounts, when the option iam was given; see Sign.
	Connect string `json:",omitempty"`

	Secure bool   `json:"-"` // it came over TLS
	Target string `json:"-"` // the mount target
}

// Grant is what a client may do.
type Grant struct {
	Write bool
	Root  bool // its root is root; otherwise nobody
}

// reply is the answer to a request.
type reply struct {
	Error string `json:",omitempty"`
	// OwnUsers tells that the client's users act as themselves: its kernel then checks permissions.
	OwnUsers bool `json:",omitempty"`
}
