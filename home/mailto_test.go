package home_test

import (
	"testing"

	"github.com/hawser-go/hawser/home"
)

// What a peer says of its mail before its link lasts is kept, however many have said so before who never came back.
func TestToldAfterMany(t *testing.T) {
	for _, n := range []int{1, 4096, 5000} {
		if kept, last := home.Told(n); kept > 4096 || !last {
			t.Errorf("of %d peers %d are kept, the last: %v", n, kept, last)
		}
	}
}
