package vpc

import (
	"io"
	"net"
)

// splice copies what src says to dst until src is done, and passes the half-close on; the kernel moves the bytes.
// When either fails, both are reset: a cut connection must not look like one that ended well.
func splice(dst, src *net.TCPConn) {
	if _, err := io.Copy(dst, src); err != nil {
		reset(dst)
		reset(src)
		return
	}
	_ = dst.CloseWrite() // it is gone already
}

// reset closes a connection with a TCP reset.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0) // closed already
	_ = conn.Close()
}
