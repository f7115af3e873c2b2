package api

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// Bounds of a lingering close: enough for a sender to finish what it was
// writing and read why it was refused.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 64 << 20
)

// lingerListener makes connections that can be closed without losing the last
// answer. A server that closes while the peer still sends makes the system
// reset the connection, and the sender of a body that is too large sees a
// broken pipe in place of the 413.
type lingerListener struct{ net.Listener }

// Accept implements net.Listener.
func (l lingerListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &lingerConn{TCPConn: tcp}, nil
	}
	return conn, nil
}

type lingerConn struct {
	*net.TCPConn
	lingers atomic.Bool
}

// linger marks a connection whose close should wait for the peer.
func linger(conn net.Conn) {
	if c, ok := conn.(*lingerConn); ok {
		c.lingers.Store(true)
	}
}

// Close implements net.Conn.
func (c *lingerConn) Close() error {
	if c.lingers.Swap(false) && c.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.TCPConn, lingerBytes) // until the peer closes, or that is it
	}
	return c.TCPConn.Close()
}
