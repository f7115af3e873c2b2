package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Database says where people and events are kept: "sqlite" for a file in the
// data directory, or mysql://user:pass@host:3306/name. It prints without the
// password.
type Database string

// MySQL is a server that speaks the MySQL protocol.
type MySQL struct {
	Addr     string // host:port
	User     string
	Password Secret // empty: none
	Name     string // of the database
	TLS      string // "" (off), true, skip-verify or preferred
}

var (
	errMySQL = errors.New("want sqlite or mysql://user:pass@host:3306/name" +
		" (percent-encode what is special in a password)")
	errRedis = errors.New("want redis://host:6379/0, rediss://… or redis+cluster://host:6379,host:6379" +
		" (percent-encode what is special in a password)")
)

// IsMySQL says whether the database is a server.
func (d Database) IsMySQL() bool { return strings.HasPrefix(string(d), "mysql://") }

// MySQL reads the server's address. Its error never holds the password.
func (d Database) MySQL() (MySQL, error) {
	u, err := url.Parse(string(d))
	if err != nil || u.Scheme != "mysql" || u.Hostname() == "" || u.User.Username() == "" || u.Fragment != "" {
		return MySQL{}, errMySQL
	}
	addr, err := address(u.Host, "3306")
	if err != nil {
		return MySQL{}, err
	}
	password, _ := u.User.Password()
	m := MySQL{
		Addr: addr, User: u.User.Username(), Password: Secret(password),
		Name: strings.TrimPrefix(u.Path, "/"),
	}
	if m.Name == "" || strings.Contains(m.Name, "/") {
		return MySQL{}, errors.New("want the name of one database after the host")
	}
	for option, values := range u.Query() {
		if option != "tls" {
			return MySQL{}, fmt.Errorf("unknown option %s; tls is the only one", option)
		}
		m.TLS = values[0]
	}
	switch m.TLS {
	case "false":
		m.TLS = ""
	case "", "true", "skip-verify", "preferred":
	default:
		return MySQL{}, errors.New("tls is true, false, skip-verify or preferred")
	}
	return m, nil
}

func (d Database) String() string               { return redact(string(d)) }
func (d Database) GoString() string             { return redact(string(d)) }
func (d Database) LogValue() slog.Value         { return slog.StringValue(redact(string(d))) }
func (d Database) MarshalText() ([]byte, error) { return []byte(redact(string(d))), nil }

// UnmarshalText takes the text as it is; MySQL judges it.
func (d *Database) UnmarshalText(text []byte) error { *d = Database(text); return nil }

// Redis says where guests are kept beside a MySQL database:
// redis://user:pass@host:6379/0, rediss:// with TLS, redis+cluster:// and
// rediss+cluster:// with several hosts. Empty: none. It prints without the
// password.
type Redis string

// RedisServer is one Redis, or the known nodes of a cluster.
type RedisServer struct {
	Addrs    []string // host:port
	Username string
	Password Secret
	DB       int // not on a cluster
	TLS      bool
	Cluster  bool
}

// Server reads the address. Its error never holds the password.
func (r Redis) Server() (RedisServer, error) {
	scheme, rest, ok := strings.Cut(string(r), "://")
	kind, cluster := strings.CutSuffix(scheme, "+cluster")
	if !ok || kind != "redis" && kind != "rediss" {
		return RedisServer{}, errRedis
	}
	// url.Parse knows one host only, so the hosts are cut out before.
	rest, path, _ := strings.Cut(rest, "/")
	user, hosts := "", rest
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		user, hosts = rest[:at+1], rest[at+1:]
	}
	u, err := url.Parse(kind + "://" + user + "host")
	if err != nil || strings.ContainsAny(rest+path, "?#") {
		return RedisServer{}, errRedis
	}
	s := RedisServer{TLS: kind == "rediss", Cluster: cluster, Username: u.User.Username()}
	password, _ := u.User.Password()
	s.Password = Secret(password)
	for host := range strings.SplitSeq(hosts, ",") {
		addr, err := address(strings.TrimSpace(host), "6379")
		if err != nil {
			return RedisServer{}, err
		}
		s.Addrs = append(s.Addrs, addr)
	}
	switch {
	case len(s.Addrs) > 1 && !cluster:
		return RedisServer{}, errors.New("several hosts are a cluster: redis+cluster://…")
	case path == "":
		return s, nil
	case cluster:
		return RedisServer{}, errors.New("a cluster has no numbered databases")
	}
	if s.DB, err = strconv.Atoi(path); err != nil || s.DB < 0 {
		return RedisServer{}, errors.New("want the number of a database after the host")
	}
	return s, nil
}

func (r Redis) String() string               { return redact(string(r)) }
func (r Redis) GoString() string             { return redact(string(r)) }
func (r Redis) LogValue() slog.Value         { return slog.StringValue(redact(string(r))) }
func (r Redis) MarshalText() ([]byte, error) { return []byte(redact(string(r))), nil }

// UnmarshalText takes the text as it is; Server judges it.
func (r *Redis) UnmarshalText(text []byte) error { *r = Redis(text); return nil }

// address completes host with its usual port.
func address(host, port string) (string, error) {
	name, given, err := net.SplitHostPort(host)
	switch {
	case err == nil:
		port = given
	case strings.Contains(host, ":") && !strings.HasSuffix(host, "]"):
		return "", errors.New("want host:port")
	default:
		name = strings.Trim(host, "[]")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || name == "" {
		return "", errors.New("want host:port, the port from 1 to 65535")
	}
	return net.JoinHostPort(name, port), nil
}

// redact hides who may log in: everything between the scheme and the last @.
func redact(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	at := strings.LastIndex(rest, "@")
	if !ok || at < 0 {
		return s
	}
	return scheme + "://***@" + rest[at+1:]
}
