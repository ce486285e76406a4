// Package wafv2 is AWS WAF. It keeps records only: web ACLs, what they protect and where they would log. No request
// is inspected in the lab, and a test of the environment proves nothing of a web ACL but that it is declared.
package wafv2
