// Package acm is AWS Certificate Manager. Imported certificates are checked and served to balancers. Requested ones
// are signed by the lab's own authority once the record that validates them is in a hosted zone of Route 53; e-mail
// validation, private authorities and exports are refused.
package acm
