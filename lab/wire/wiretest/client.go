package wiretest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// patient sends requests whose bodies are in memory. The SDK closes a request's body as soon as the answer's header is
// there; on loopback that can be before the transport has read the body's end, and the transport then drops the
// connection under the rest of the answer. The SDK's retries hide that; tests do not retry.
type patient struct{ client *awshttp.BuildableClient }

// Do sends a request.
func (p patient) Do(request *http.Request) (*http.Response, error) {
	if request.Body != nil && request.ContentLength > 0 && request.ContentLength <= 1<<20 {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, fmt.Errorf("reading the request's body: %w", err)
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
	}
	return p.client.Do(request)
}
