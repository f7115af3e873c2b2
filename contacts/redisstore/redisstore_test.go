package redisstore_test

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/redisstore"
	"usher/contacts/storetest"
)

func TestGuests(t *testing.T) {
	t.Parallel()
	client := storetest.Redis(t)
	storetest.RunGuests(t, func(*testing.T) contacts.GuestStore { return redisstore.New(client, storetest.Prefix()) })
}

func TestGuestsOnCluster(t *testing.T) {
	t.Parallel()
	client := storetest.Cluster(t)
	t.Run("scripts are forgotten", func(t *testing.T) { scriptsAreForgotten(t, client) })
	storetest.RunGuests(t, func(*testing.T) contacts.GuestStore { return redisstore.New(client, storetest.Prefix()) })
}

func write(g *contacts.Guest, ttl time.Duration) contacts.GuestWrite {
	return contacts.GuestWrite{Guest: g, Lines: []contacts.Line{{ID: "msg_1", Seq: 1, Body: []byte("{}")}}, TTL: ttl}
}

func TestEveryKeyHasItsEnd(t *testing.T) {
	t.Parallel()
	client, prefix := storetest.Redis(t), storetest.Prefix()
	store := redisstore.New(client, prefix)
	g, gone := storetest.NewGuest(), storetest.NewGuest()
	for _, err := range store.Save(t.Context(), []contacts.GuestWrite{write(g, time.Minute), write(gone, time.Minute)}) {
		require.NoError(t, err)
	}
	next := *g
	next.Conversation.Version = 1
	require.NoError(t, store.Save(t.Context(), []contacts.GuestWrite{write(&next, time.Hour)})[0])
	require.NoError(t, store.Move(t.Context(), map[string]string{gone.ID: "con_x"}, time.Hour))
	for _, key := range []string{"g{" + contacts.SuffixOf(g.ID) + "}", "t{" + contacts.SuffixOf(g.ID) + "}", "g{" + contacts.SuffixOf(gone.ID) + "}"} {
		life, err := client.PTTL(t.Context(), prefix+key).Result()
		require.NoError(t, err)
		require.InDelta(t, time.Hour.Seconds(), life.Seconds(), 60, key)
	}
}

// A server that restarts has forgotten its scripts.
func scriptsAreForgotten(t *testing.T, client redis.UniversalClient) {
	store := redisstore.New(client, storetest.Prefix())
	g := storetest.NewGuest()
	require.NoError(t, store.Save(t.Context(), []contacts.GuestWrite{write(g, time.Minute)})[0])
	require.NoError(t, client.ScriptFlush(t.Context()).Err())
	again := *g
	again.Conversation.Version = 1
	errs := store.Save(t.Context(), []contacts.GuestWrite{write(&again, time.Minute), write(g, time.Minute), write(storetest.NewGuest(), time.Minute)})
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], contacts.ErrConflict)
	require.NoError(t, errs[2])
}

func TestUnreachableIsNotEmpty(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	client := redis.NewClient(&redis.Options{Addr: listener.Addr().String(), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	store := redisstore.New(client, storetest.Prefix())
	g := storetest.NewGuest()
	guests, err := store.Load(t.Context(), []string{g.ID})
	require.Error(t, err)
	require.Nil(t, guests)
	_, err = store.Transcript(t.Context(), g.ID, 0, 10)
	require.Error(t, err)
	for _, err := range store.Save(t.Context(), []contacts.GuestWrite{write(g, time.Minute), write(g, time.Minute)}) {
		require.Error(t, err)
		require.NotErrorIs(t, err, contacts.ErrConflict)
	}
	require.Error(t, store.Move(t.Context(), map[string]string{g.ID: "con_x"}, time.Minute))
	require.Error(t, store.Delete(t.Context(), []string{g.ID}))
}

func TestForeignKeyIsAnError(t *testing.T) {
	t.Parallel()
	client, prefix := storetest.Redis(t), storetest.Prefix()
	store := redisstore.New(client, prefix)
	g := storetest.NewGuest()
	require.NoError(t, client.Set(t.Context(), prefix+"g{"+contacts.SuffixOf(g.ID)+"}", "not a guest", time.Minute).Err())
	_, err := store.Load(t.Context(), []string{g.ID})
	require.ErrorContains(t, err, g.ID)
}

// A guest with eight fields and a run costs Redis at most 300 bytes.
func TestMemory(t *testing.T) {
	t.Parallel()
	client, prefix := storetest.Redis(t), storetest.Prefix()
	store := redisstore.New(client, prefix)
	g := eightFields()
	require.NoError(t, store.Save(t.Context(), []contacts.GuestWrite{{Guest: g, TTL: time.Minute}})[0])
	size, err := client.MemoryUsage(t.Context(), prefix+"g{"+contacts.SuffixOf(g.ID)+"}").Result()
	require.NoError(t, err)
	t.Logf("MEMORY USAGE %d bytes, prefix of %d", size, len(prefix))
	require.LessOrEqual(t, size, int64(300))
}

// eightFields is what is known in the middle of an enquiry. Whoever has given an
// e-mail or phone is no guest any more.
func eightFields() *contacts.Guest {
	g := storetest.NewGuest()
	g.Conversation.State.Said = contacts.Values{
		"company": "Analytical Engines", "country": "GB", "city": "London", "company_size": 20.0, "plan": "gold", "agrees": true,
	}
	g.Conversation.State.Said.Set("name", "Ada Lovelace")
	g.Conversation.State.Runs = map[string][]byte{"": []byte("\x01\x07welcome\x03\x04size")}
	return g
}

func BenchmarkSave(b *testing.B) {
	client := storetest.Redis(b)
	for _, n := range []int{1, 100} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			store := redisstore.New(client, storetest.Prefix())
			b.ReportAllocs()
			for b.Loop() {
				writes := make([]contacts.GuestWrite, n)
				for i := range writes {
					writes[i] = write(storetest.NewGuest(), 10*time.Second)
				}
				for _, err := range store.Save(b.Context(), writes) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkMemory reports what a guest of eight fields adds to used_memory, with
// its end of life. The server should have nothing else to do.
func BenchmarkMemory(b *testing.B) {
	client := storetest.Redis(b)
	const guests = 10_000
	for b.Loop() {
		store := redisstore.New(client, fmt.Sprintf("u%d:", b.N))
		ids, writes := make([]string, guests), make([]contacts.GuestWrite, guests)
		for i := range writes {
			g := eightFields()
			ids[i], writes[i] = g.ID, contacts.GuestWrite{Guest: g, TTL: time.Minute}
		}
		before := usedMemory(b, client)
		for _, err := range store.Save(b.Context(), writes) {
			require.NoError(b, err)
		}
		b.ReportMetric(float64(usedMemory(b, client)-before)/guests, "B/guest")
		require.NoError(b, store.Delete(b.Context(), ids))
	}
}

func usedMemory(b *testing.B, client redis.UniversalClient) int64 {
	b.Helper()
	info, err := client.Info(b.Context(), "memory").Result()
	require.NoError(b, err)
	_, rest, _ := strings.Cut(info, "used_memory:")
	value, _, _ := strings.Cut(rest, "\r\n")
	used, err := strconv.ParseInt(value, 10, 64)
	require.NoError(b, err)
	return used
}
