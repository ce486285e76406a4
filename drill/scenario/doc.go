// Package scenario says what is drilled: for each failure that the environment promises to survive, what is broken, under
// which load, which promises it proves and how it is judged. A scenario is data; package run carries it out.
//
// Files are named after tiers. A scenario's name is failover/<tier>/<fault>, or regression/<what was found> for a bug that a drill
// found once.
package scenario
