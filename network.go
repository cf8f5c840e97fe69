package hawser

import (
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
)

// noiseQUIC makes the netlayer a node has by default.
func noiseQUIC(c NetworkConfig) (netlayer.Netlayer, error) {
	return noisequic.Open(&noisequic.Config{
		Identity: c.Identity, Listen: c.Listen, Advertise: c.Advertise, Doorkeeper: c.Doorkeeper, Features: c.Features, Logger: c.Logger,
	})
}
