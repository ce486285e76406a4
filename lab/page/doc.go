// Package page is the lab's live web page: one document without a build step, and a stream of server-sent events behind
// it. It lies below a path that no AWS API can have (a bucket's name cannot begin with an underscore) on the lab's own
// endpoint, answers only to the names of this machine, and changes something only for itself.
package page
