package tcptest_test

import (
	"context"

	"github.com/hawser-go/hawser/netlayer"
)

func (w wrapper) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	if early := d.Early; early != nil {
		d.Early = func(info netlayer.Info, limit int) [][]byte {
			// What a record takes more than the contract counts is taken off before.
			less := limit - limit/8
			frames := early(info, less)
			for _, f := range frames {
				less -= 4 + len(f)
			}
			out, err := wrap(frames)
			if err != nil || less < 0 {
				return [][]byte{make([]byte, limit)}
			}
			return out
		}
	}
	c, err := w.Netlayer.Connect(ctx, d)
	if err != nil {
		return nil, err
	}
	return wrapped{c}, nil
}

func (w wrapper) Accept(ctx context.Context) (*netlayer.Incoming, error) {
	in, err := w.Netlayer.Accept(ctx)
	if err != nil {
		return nil, err
	}
	accept := in.Accept
	in.Accept = func(first [][]byte) (netlayer.Conn, error) {
		out, err := wrap(first)
		if err != nil {
			return nil, err
		}
		c, err := accept(out)
		if err != nil {
			return nil, err
		}
		return wrapped{c}, nil
	}
	return in, nil
}

type wrapped struct{ netlayer.Conn }

func (w wrapped) Write(frames [][]byte) error {
	out, err := wrap(frames)
	if err != nil {
		return err
	}
	return w.Conn.Write(out)
}

func (w wrapped) Read() (netlayer.Frame, error) {
	f, err := w.Conn.Read()
	if err == nil {
		f.Bytes, err = unwrap(f.Bytes)
	}
	return f, err
}
