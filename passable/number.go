package passable

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"time"
)

// maxBits is the size of the largest integer of MaxDigits decimal digits.
var maxBits = new(big.Int).Exp(big.NewInt(10), big.NewInt(MaxDigits), nil).BitLen()

func isInteger(model any) bool {
	switch model.(type) {
	case int64, *big.Int:
		return true
	}
	return false
}

// integer returns a fresh model value for b: an int64 where it fits.
func integer(b *big.Int) (any, error) {
	if b.IsInt64() {
		return b.Int64(), nil
	}
	if b.BitLen() > maxBits {
		return nil, fail(fmt.Errorf("an integer of %d bits %w: at most %d decimal digits pass", b.BitLen(), ErrRange, MaxDigits))
	}
	return new(big.Int).Set(b), nil
}

func unsigned(u uint64) any {
	if u <= math.MaxInt64 {
		return int64(u)
	}
	return new(big.Int).SetUint64(u)
}

// wholeFloat returns the integer that f is, if it is one. Minus zero is not.
func wholeFloat(f float64) (*big.Int, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) || math.Trunc(f) != f || (f == 0 && math.Signbit(f)) {
		return nil, false
	}
	b, _ := big.NewFloat(f).Int(nil)
	return b, true
}

// toBig returns the integer a model number is. small is set when it fits int64.
func toBig(model any, t reflect.Type) (small int64, large *big.Int, err error) {
	switch m := model.(type) {
	case int64:
		return m, nil, nil
	case *big.Int:
		large = m
	case float64:
		b, ok := wholeFloat(m)
		if !ok {
			return 0, nil, misfit(model, t)
		}
		large = b
	default:
		return 0, nil, mismatch(model, "an Integer", t)
	}
	if large.IsInt64() {
		return large.Int64(), nil, nil
	}
	return 0, large, nil
}

// toFloat returns the float64 a model number is, refusing what it would round.
func toFloat(model any, t reflect.Type) (float64, error) {
	switch m := model.(type) {
	case float64:
		return m, nil
	case int64:
		// 2^63 as a float is outside int64, where the conversion back is undefined.
		if f := float64(m); f < 1<<63 && int64(f) == m {
			return f, nil
		}
		return 0, misfit(model, t)
	case *big.Int:
		if f, acc := new(big.Float).SetInt(m).Float64(); acc == big.Exact {
			return f, nil
		}
		return 0, misfit(model, t)
	}
	return 0, mismatch(model, "a Float64", t)
}

// misfit is the refusal of a number. Long ones are not printed.
func misfit(model any, t reflect.Type) error {
	if b, ok := model.(*big.Int); ok && b.BitLen() > 256 {
		return outOfRange(fmt.Sprintf("an integer of %d bits", b.BitLen()), t)
	}
	return outOfRange(fmt.Sprint(model), t)
}

// outOfRange is the refusal of what is too much for a Go type.
func outOfRange(what string, t reflect.Type) error {
	return fail(&typed{ErrRange, fmt.Sprintf("%s %v there", what, ErrRange), fmt.Sprintf("%s %v in %s", what, ErrRange, t)})
}

var nanosPerSecond = big.NewInt(1e9)

// What a time.Time holds, in seconds since 1970 UTC. Beyond it the methods of package time wrap around: a time later than
// the latest is before 1970.
const (
	firstSecond = -9223372028741760000            // 1 March of the year -292277022400
	lastSecond  = math.MaxInt64 - 719162*24*60*60 // what counts from the year 1 ends there
)

// timeValue returns nanoseconds since 1970 UTC, for any time.Time.
func timeValue(t time.Time) any {
	sec, nsec := t.Unix(), int64(t.Nanosecond())
	if sec > math.MinInt64/1_000_000_000 && sec < math.MaxInt64/1_000_000_000 {
		return sec*1_000_000_000 + nsec
	}
	b := new(big.Int).Mul(big.NewInt(sec), nanosPerSecond)
	b.Add(b, big.NewInt(nsec))
	if b.IsInt64() {
		return b.Int64()
	}
	return b
}

// toTime is the inverse of timeValue. The result is in UTC.
func toTime(model any, t reflect.Type) (time.Time, error) {
	small, large, err := toBig(model, t)
	if err != nil {
		return time.Time{}, err
	}
	if large == nil {
		return time.Unix(0, small).UTC(), nil
	}
	sec, nsec := new(big.Int).DivMod(large, nanosPerSecond, new(big.Int))
	if !sec.IsInt64() || sec.Int64() < firstSecond || sec.Int64() > lastSecond {
		return time.Time{}, misfit(model, t)
	}
	return time.Unix(sec.Int64(), nsec.Int64()).UTC(), nil
}

func timeOf(v reflect.Value) any { return timeValue(v.Interface().(time.Time)) }
