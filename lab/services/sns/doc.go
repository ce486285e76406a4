// Package sns is the lab's SNS: standard topics whose messages are really delivered. HTTP and HTTPS endpoints get AWS's
// POSTs, with the confirmation before the first message, and again by the delivery policy when they fail; addresses of
// the protocols email and email-json get files in a mailbox folder, with a link to confirm by. A message that Publish
// acknowledged is a row for each subscription until it was delivered or given up, so a lab that ends goes on with it.
//
// Nothing leaves the machine: endpoints are on loopback or in the lab's own network, and others fail and are told. The
// fields for a signature are there and empty: the lab has no key that anybody would trust as Amazon's. Topic policies
// decide for callers of the API, not for the lab's own services; KMS keys are records. FIFO topics, SQS, Lambda, SMS,
// mobile push, data protection, archives, dead-letter queues and delivery status logs are refused.
package sns
