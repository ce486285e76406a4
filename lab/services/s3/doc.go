// Package s3 is Amazon S3: buckets in regions, versioned objects whose bodies are files, multipart uploads, listings
// and the settings of buckets.
//
// Kept and honoured are objects, versions, delete markers, conditions, ranges, checksums of uploads, tags, bucket
// policies, public access blocks, ownership and KMS keys: who reads or writes needs the right to the key, too (the files
// themselves are as safe as the lab's folder). Kept as records only are lifecycle, logging, replication and object lock:
// nothing expires, is copied or locked yet. Access control lists other than the owner's own, websites, CORS, acceleration,
// requester pays, MFA delete, object locks on objects and customer-provided keys are refused.
package s3
