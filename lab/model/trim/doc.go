// Package trim makes the lab's API models: it reads which operations a service's handlers serve and which members
// they read, and cuts the published model down to those.
//
// It is a tool of the build. The lab itself only reads what it wrote.
package trim
