// Package e2e brings a clone of the project up in the lab as a newcomer would, uses it, breaks it and takes it down.
// It runs with HAVEN_E2E=1, as root, where no other lab has the lab's ports.
package e2e
