// Package s3 is Amazon S3: buckets in regions, versioned objects whose bodies are files, multipart uploads, listings
// and the settings of buckets.
//
// Kept and honoured are objects, versions, delete markers, conditions, ranges, checksums of uploads and tags. Kept
// as records only are a bucket's policy, access control list, public access block, ownership, encryption (objects
// name their key, the files themselves are as safe as the lab's folder), lifecycle, logging, replication and object
// lock: nothing expires, is copied or locked yet. Websites, CORS, acceleration, requester pays, object locks on
// objects and customer-provided keys are refused.
package s3
