// Package overview turns what the lab's services and realm say of a region into one picture for a person: zones as
// columns, what is in each of them and how it is, what flows between, and what is wrong.
//
// It is pure. Facts are what the API answers (the SDK's own types) and what the realm counts; Build makes a Picture of
// them, and Changes tells two pictures of the same region apart in words, for the timeline.
package overview
