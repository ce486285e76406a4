// Package observer looks at the lab's regions again and again, keeps one picture of each for all who look on, and tells
// the timeline what changed in between. It looks rarely while nobody does, so that an idle lab costs next to nothing.
package observer
