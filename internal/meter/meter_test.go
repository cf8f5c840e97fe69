package meter_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/meter"
)

func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m meter.Meter
		for i := range meter.PerSecond + 5 {
			if omitted, ok := m.Next(); ok != (i < meter.PerSecond) || omitted != 0 {
				t.Errorf("line %d: %v, %d omitted", i, ok, omitted)
			}
		}
		time.Sleep(time.Second)
		if omitted, ok := m.Next(); !ok || omitted != 5 {
			t.Errorf("a second later: %v, %d omitted, want 5", ok, omitted)
		}
		if omitted, ok := m.Next(); !ok || omitted != 0 {
			t.Errorf("then: %v, %d omitted, want none", ok, omitted)
		}
	})
}
