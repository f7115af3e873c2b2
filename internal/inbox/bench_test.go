package inbox

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"usher/internal/database/databasetest"
)

// BenchmarkPut stores distinct events of distinct people, 64 at a time.
func BenchmarkPut(b *testing.B) {
	body, raw := bytes.Repeat([]byte("e"), 420), bytes.Repeat([]byte("r"), 330)
	in, err := New(databasetest.SQLite(b), Options{Node: "node_a"})
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = in.Run(b.Context()) }()
	var n atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			who := fmt.Sprint(n.Add(1))
			e := event(in, who, who)
			e.Event, e.Raw = body, raw
			if _, err := in.Put(b.Context(), []*Event{e}); err != nil {
				b.Error(err)
			}
		}
	})
}
