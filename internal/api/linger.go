package api

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a lingering close: enough for a sender to finish what it was
// writing and read why it was refused.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 64 << 20
	// silentTime is for a request that was on its way when the server's end
	// began.
	silentTime = 500 * time.Millisecond
)

// lingerListener makes connections that can be closed without losing the last
// answer. A server that closes while the peer still sends makes the system
// reset the connection, and the sender of a body that is too large sees a
// broken pipe in place of the 413.
type lingerListener struct {
	net.Listener
	silent *silent
}

// Accept implements net.Listener.
func (l lingerListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		c := &lingerConn{TCPConn: tcp, silent: l.silent}
		l.silent.add(c)
		return c, nil
	}
	return conn, nil
}

type lingerConn struct {
	*net.TCPConn
	lingers atomic.Bool
	silent  *silent
	heard   bool // by Read, which one goroutine calls
}

// Read implements net.Conn.
func (c *lingerConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if n > 0 && !c.heard {
		c.heard = true
		c.silent.remove(c)
	}
	return n, err
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
	c.silent.remove(c)
	return c.TCPConn.Close()
}

// silent are the connections on which nothing came yet. Browsers and proxies
// open some ahead; the server takes them for busy and would wait for them at
// its end.
type silent struct {
	mu   sync.Mutex
	open map[*lingerConn]struct{}
}

func (s *silent) add(c *lingerConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[*lingerConn]struct{}{}
	}
	s.open[c] = struct{}{}
}

func (s *silent) remove(c *lingerConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// close ends them all.
func (s *silent) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.TCPConn.Close()
	}
}
