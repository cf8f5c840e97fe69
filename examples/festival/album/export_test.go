package album

// Fits returns how many photos of an album there is room for here, and how many not.
func Fits(a *Album) (in, beyond int) {
	all, beyond := a.fits()
	return len(all), beyond
}
