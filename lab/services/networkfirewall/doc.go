// Package networkfirewall is AWS Network Firewall: rule groups, policies, firewalls with an endpoint in each zone,
// their protections and their logging.
//
// What a policy means is translated, in this package, to the lab's own terms (vpc.FirewallPolicy), which the endpoint
// that traffic crosses enforces. Honoured are stateful rule groups: five-tuple rules, Suricata rules of the subset
// that parseRules understands, and domain lists. Stateless rule groups, TLS inspection, reference sets,
// managed rule groups, custom actions and transit-gateway firewalls are refused when they are declared.
package networkfirewall
