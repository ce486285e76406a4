// Package report makes a run of drills readable: a page for people (one HTML file that needs nothing else, not even a script), JUnit's XML
// for build servers, a table for terminals. It reads a run's folder and nothing beside it, so that old runs can be shown by new versions.
package report
