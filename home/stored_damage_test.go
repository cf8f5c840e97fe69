package home_test

import (
	"testing"
	"time"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/store"
)

// Rows that no version has written are found out.
func TestDamagedGifts(t *testing.T) {
	stored(t, func(t *testing.T, x *keeping) {
		x.g.tell("deposit-gift", giftID(1), x.at)
		comesTo(t, "another", "", x.r.settled(x.r.ask("deposit-gift", giftID(2), something)))
		time.Sleep(time.Second)
		x.e.stop()
		var key, value []byte
		look := func(r store.Reader) error {
			r.Scan("gifts", nil, func(k, v []byte) bool {
				key, value = append(key[:0], k...), append(value[:0], v...)
				return true
			})
			return nil
		}
		if _ = x.e.disk.View(look); len(key) == 0 {
			t.Fatal("no gift is stored")
		}
		write := func(bucket string, key, value []byte) {
			b := new(store.Batch)
			if value == nil {
				b.Delete(bucket, key)
			} else {
				b.Put(bucket, key, value)
			}
			if err := x.e.disk.Apply([]*store.Batch{b}); err != nil {
				t.Fatal(err)
			}
		}
		check := func() (n int, err error) {
			_ = x.e.disk.View(func(r store.Reader) error {
				n, err = home.StoredGifts(r)
				return nil
			})
			return n, err
		}
		if n, err := check(); n != 2 || err != nil {
			t.Errorf("%d gifts, %v", n, err)
		}
		for what, bad := range map[string][3][]byte{
			"no record":       {[]byte("gifts"), key, {0xff}},
			"another's":       {[]byte("gifts"), append(make([]byte, 1), key[1:]...), value},
			"a wrong hash":    {[]byte("gifts"), append(append([]byte(nil), key[:63]...), key[63]^1), value},
			"a short key":     {[]byte("gifts"), key[:63], value},
			"cut short":       {[]byte("gifts"), key, value[:len(value)-1]},
			"a strange count": {[]byte("handoff counts"), key[:33], {}},
			"no floor":        {[]byte("handoff counts"), key[:32], {1}},
		} {
			write(string(bad[0]), bad[1], bad[2])
			_, err := check()
			if what == "another's" { // which is of a session that is not there
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
			} else if err == nil {
				t.Errorf("%s is taken: %v", what, err)
			}
			write(string(bad[0]), bad[1], nil)
			write("gifts", key, value)
		}
		x.e.start()
		if n := x.e.home.Gifts(); n != 2 {
			t.Errorf("%d gifts are there again", n)
		}
	})
}
