// Package photos is what a program for photo albums does with a hawser.Node: it offers the albums of package album for grants, gets at those of
// others by invitations, serves sealed photos to anybody, and takes back what was given. It is the same program for everybody: there is
// no root, and whose node an album is at home with is its owner.
package photos
