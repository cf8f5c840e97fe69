package noisetcp_test

import (
	"testing"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
)

// One frame there and one back.
func BenchmarkEcho(b *testing.B) {
	out, in := connect(b, open(b, noisetcp.Config{}), open(b, noisetcp.Config{}), netlayer.Dial{})
	echoing := make(chan struct{})
	go func() {
		defer close(echoing)
		for {
			f, err := in.Read()
			if err != nil || in.Write([][]byte{f.Bytes}) != nil {
				return
			}
		}
	}()
	frame := [][]byte{make([]byte, 100)}
	b.ReportAllocs()
	for b.Loop() {
		if err := out.Write(frame); err != nil {
			b.Fatal(err)
		}
		if _, err := out.Read(); err != nil {
			b.Fatal(err)
		}
	}
	out.Close("")
	<-echoing
}

// Frames of 64 KiB one way.
func BenchmarkBulk(b *testing.B) {
	out, in := connect(b, open(b, noisetcp.Config{}), open(b, noisetcp.Config{}), netlayer.Dial{})
	frame := [][]byte{make([]byte, 64<<10)}
	done := make(chan struct{})
	b.SetBytes(64 << 10)
	b.ReportAllocs()
	go func() {
		defer close(done)
		for {
			if _, err := in.Read(); err != nil {
				return
			}
		}
	}()
	for b.Loop() {
		if err := out.Write(frame); err != nil {
			b.Fatal(err)
		}
	}
	out.Close("")
	<-done
}

// From nothing to an admitted connection, and its end.
func BenchmarkDial(b *testing.B) {
	from := open(b, noisetcp.Config{})
	to := open(b, noisetcp.Config{Limits: noisetcp.Limits{RatePerSource: 1e9}})
	b.ReportAllocs()
	for b.Loop() {
		out, in := connect(b, from, to, netlayer.Dial{})
		out.Close("")
		in.Close("")
	}
}

// The same of one that resumes.
func BenchmarkResume(b *testing.B) {
	features := []string{netlayer.FeatureResume}
	from := open(b, noisetcp.Config{Features: features})
	to := open(b, noisetcp.Config{Features: features, Limits: noisetcp.Limits{RatePerSource: 1e9}})
	said, answer := make([]byte, 100), make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		out, in := connect(b, from, to, netlayer.Dial{Resume: said}, answer)
		out.Close("")
		in.Close("")
	}
}
