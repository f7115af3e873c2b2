package main

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"usher/contacts/storetest"
	"usher/internal/database/databasetest"
)

func TestMySQLIsNewEnough(t *testing.T) {
	t.Parallel()
	for version, want := range map[string][2]bool{
		"8.0.36":                         {true, true},
		"8.4.0-commercial":               {true, true},
		"9.1.0":                          {true, true},
		"5.7.44-log":                     {false, true},
		"10.11.19-MariaDB-0+deb12u1":     {true, true},
		"10.5.9-MariaDB":                 {false, true},
		"5.5.5-10.6.12-MariaDB-log":      {true, true},
		"11.4.2-MariaDB":                 {true, true},
		"8.0.11-TiDB-v8.5.0":             {false, false},
		"8.0.30-Vitess":                  {false, false},
		"something that nobody has seen": {false, false},
	} {
		enough, known := mysqlIsNewEnough(version)
		require.Equal(t, want, [2]bool{enough, known}, version)
	}
}

func TestFileSystem(t *testing.T) {
	t.Parallel()
	for number, want := range map[int64]storage{0x6969: onNetwork, 0xff534d42: onNetwork, 0x01021994: inMemory, 0xef53: onDisk, 0x58465342: onDisk} {
		_, where := fileSystem(number)
		require.Equal(t, want, where, "%x", number)
	}
}

func TestReadInfo(t *testing.T) {
	t.Parallel()
	info := readInfo("# Server\r\nredis_version:7.2.4\r\nexecutable:/usr/bin:x\r\n\r\nnonsense\r\n")
	require.Equal(t, map[string]string{"redis_version": "7.2.4", "executable": "/usr/bin:x"}, info)
}

func TestAtLeast(t *testing.T) {
	t.Parallel()
	require.Equal(t, "1 delivery", atLeast(1, "delivery"))
	require.Equal(t, "2 deliveries", atLeast(2, "delivery"))
	require.Equal(t, "200 or more events", atLeast(pageRows, "event"))
}

// doctorSays runs the command on a database server and a Redis.
func doctorSays(t *testing.T, file string, args ...string) (says string, code int) {
	t.Helper()
	var out, trouble strings.Builder
	code = run(t.Context(), append([]string{"--config", file}, args...), nil, strings.NewReader(""), &out, &trouble)
	require.Empty(t, trouble.String())
	return out.String(), code
}

func TestDoctorOnServers(t *testing.T) {
	t.Parallel()
	server := databasetest.Schema(t)
	single := storetest.Redis(t).(*redis.Client).Options()
	file := filepath.Join(t.TempDir(), "usher.yaml")
	address := "mysql://" + url.UserPassword(server.User, server.Passwd).String() + "@" + server.Addr + "/" + server.DBName
	write := func(redis string) {
		require.NoError(t, os.WriteFile(file, []byte("listen: 127.0.0.1:0\ndatabase: "+address+"\nredis: "+redis+"\n"), 0o600))
	}

	write("redis://" + single.Addr + "/" + strconv.Itoa(single.DB))
	says, _ := doctorSays(t, file, "doctor")
	require.Regexp(t, `(?m)^ok +database +mysql://\*\*\*@\S+ answers as \d+\.`, says)
	require.Regexp(t, `(?m)^\w+ +durability `, says)
	require.Regexp(t, `(?m)^ok +clock `, says)
	require.Regexp(t, `(?m)^warn +schema +none yet`, says)
	require.Regexp(t, `(?m)^ok +redis +\S+ is (version|Valkey) `, says)
	require.Regexp(t, `(?m)^\w+ +redis +\S+ append(only|fsync)`, says)
	require.Regexp(t, `(?m)^warn +secret_key +not configured: each node makes its own`, says)

	_, code := doctorSays(t, file, "migrate")
	require.Zero(t, code)
	says, _ = doctorSays(t, file, "doctor")
	require.Regexp(t, `(?m)^ok +schema +up to date$`, says)
	require.Regexp(t, `(?m)^ok +inbox `, says)

	cluster := storetest.Cluster(t).(*redis.ClusterClient).Options().Addrs
	write("redis+cluster://" + strings.Join(cluster, ","))
	says, _ = doctorSays(t, file, "doctor")
	require.Regexp(t, `(?m)^ok +redis cluster +3 servers, state ok$`, says)
	require.Len(t, regexp.MustCompile(`(?m)^ok +redis +\S+ is (version|Valkey) `).FindAllString(says, -1), 3)
	write("redis://" + cluster[0])
	says, code = doctorSays(t, file, "doctor")
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `(?m)^fail +redis .*(takes no writes|redis\+cluster://)`, says)
}
