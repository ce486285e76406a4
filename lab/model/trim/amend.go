package trim

import "haven/lab/model"

// amend adds to a published model what current clients send and the published model, older than them, lacks. Each
// addition names its source.
func amend(service string, whole *published) {
	switch service {
	case "s3":
		amendS3(whole)
	}
}

// amendS3 adds the CRC-64/NVME checksum and the checksum's type
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html).
func amendS3(whole *published) {
	whole.Shapes["ChecksumAlgorithm"].Enum = append(whole.Shapes["ChecksumAlgorithm"].Enum, "CRC64NVME")
	whole.Shapes["ChecksumCRC64NVME"] = &model.Shape{Type: "string"}
	whole.Shapes["ChecksumType"] = &model.Shape{Type: "string", Enum: []string{"COMPOSITE", "FULL_OBJECT"}}
	for _, name := range []string{
		"PutObjectRequest", "PutObjectOutput", "UploadPartRequest", "UploadPartOutput", "GetObjectOutput", "HeadObjectOutput",
		"CompleteMultipartUploadRequest",
	} {
		whole.Shapes[name].Members["ChecksumCRC64NVME"] = &model.Ref{
			Shape: "ChecksumCRC64NVME", Location: "header", LocationName: "x-amz-checksum-crc64nvme",
		}
	}
	for _, name := range []string{
		"PutObjectOutput", "GetObjectOutput", "HeadObjectOutput", "CreateMultipartUploadRequest",
		"CreateMultipartUploadOutput", "CompleteMultipartUploadRequest",
	} {
		whole.Shapes[name].Members["ChecksumType"] = &model.Ref{
			Shape: "ChecksumType", Location: "header", LocationName: "x-amz-checksum-type",
		}
	}
	for _, name := range []string{"CompleteMultipartUploadOutput", "CompletedPart", "Part", "CopyObjectResult", "Checksum"} {
		whole.Shapes[name].Members["ChecksumCRC64NVME"] = &model.Ref{Shape: "ChecksumCRC64NVME"}
	}
	for _, name := range []string{"CompleteMultipartUploadOutput", "CopyObjectResult", "Checksum", "Object", "ObjectVersion"} {
		whole.Shapes[name].Members["ChecksumType"] = &model.Ref{Shape: "ChecksumType"}
	}
	amendS3Conditions(whole)
}

// amendS3Conditions adds conditional writes
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
func amendS3Conditions(whole *published) {
	for member, header := range map[string]string{"IfMatch": "If-Match", "IfNoneMatch": "If-None-Match"} {
		whole.Shapes[member] = &model.Shape{Type: "string"}
		for _, name := range []string{"PutObjectRequest", "CompleteMultipartUploadRequest"} {
			whole.Shapes[name].Members[member] = &model.Ref{Shape: member, Location: "header", LocationName: header}
		}
	}
}
