package memory_test

import (
	"testing"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) func() (*store.Store, error) {
		b := new(memory.Backend)
		return func() (*store.Store, error) { return store.Open(b) }
	})
}
