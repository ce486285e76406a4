package model

// Service is the trimmed API model of one AWS service.
type Service struct {
	// Name is the name of the service's package in aws-sdk-go-v2, such as "elasticloadbalancingv2".
	Name     string   `json:"name"`
	Metadata Metadata `json:"metadata"`
	// Operations are those that the lab serves, by name.
	Operations map[string]*Operation `json:"operations"`
	// Others are the operations that AWS has and the lab has not, by name. Routed protocols need their routes, or a
	// request for one of them would be taken for a served operation with a shorter route.
	Others map[string]HTTP `json:"others"`
	// Shapes are all that the operations reach, by name.
	Shapes map[string]*Shape `json:"shapes"`
}

// Metadata tells how a service is spoken to.
type Metadata struct {
	APIVersion     string `json:"apiVersion"`
	EndpointPrefix string `json:"endpointPrefix"`
	GlobalEndpoint string `json:"globalEndpoint,omitempty"`
	// Protocol is one of "ec2", "query", "json", "rest-json" and "rest-xml".
	Protocol     string     `json:"protocol"`
	JSONVersion  string     `json:"jsonVersion,omitempty"`
	ServiceID    string     `json:"serviceId"`
	SigningName  string     `json:"signingName,omitempty"`
	TargetPrefix string     `json:"targetPrefix,omitempty"`
	XMLNamespace *Namespace `json:"xmlNamespace,omitempty"`
}

// Scope returns the service's name in a signature's credential scope.
func (m Metadata) Scope() string {
	if m.SigningName != "" {
		return m.SigningName
	}
	return m.EndpointPrefix
}

// Operation is one action of a service.
type Operation struct {
	Name   string `json:"name"`
	HTTP   HTTP   `json:"http"`
	Input  *Ref   `json:"input,omitempty"`
	Output *Ref   `json:"output,omitempty"`
	Errors []Ref  `json:"errors,omitempty"`
	// Implemented names the input's members that the lab's handler reads, sorted.
	Implemented []string `json:"implemented,omitempty"`
	// HTTPChecksum is present where a request or response carries a checksum of its body.
	HTTPChecksum *HTTPChecksum `json:"httpChecksum,omitempty"`
}

// HTTP is an operation's route.
type HTTP struct {
	Method       string `json:"method,omitempty"`
	RequestURI   string `json:"requestUri,omitempty"`
	ResponseCode int    `json:"responseCode,omitempty"`
	// Required names the query and header parameters without which a request is not for this operation: "query:uploadId",
	// "header:x-amz-copy-source".
	Required []string `json:"required,omitempty"`
}

// HTTPChecksum is the model's trait of the same name.
type HTTPChecksum struct {
	RequestChecksumRequired bool   `json:"requestChecksumRequired,omitempty"`
	RequestAlgorithmMember  string `json:"requestAlgorithmMember,omitempty"`
}

// Ref is the use of a shape: as a member, as a list's element, as an operation's input. What it says goes before
// what the shape says.
type Ref struct {
	Shape            string     `json:"shape"`
	Location         string     `json:"location,omitempty"`
	LocationName     string     `json:"locationName,omitempty"`
	QueryName        string     `json:"queryName,omitempty"`
	ResultWrapper    string     `json:"resultWrapper,omitempty"`
	TimestampFormat  string     `json:"timestampFormat,omitempty"`
	Flattened        bool       `json:"flattened,omitempty"`
	Streaming        bool       `json:"streaming,omitempty"`
	XMLAttribute     bool       `json:"xmlAttribute,omitempty"`
	IdempotencyToken bool       `json:"idempotencyToken,omitempty"`
	JSONValue        bool       `json:"jsonvalue,omitempty"`
	XMLNamespace     *Namespace `json:"xmlNamespace,omitempty"`
}

// Shape is a type.
type Shape struct {
	Type            string          `json:"type"`
	Members         map[string]*Ref `json:"members,omitempty"`
	Required        []string        `json:"required,omitempty"`
	Payload         string          `json:"payload,omitempty"`
	Member          *Ref            `json:"member,omitempty"`
	Key             *Ref            `json:"key,omitempty"`
	Value           *Ref            `json:"value,omitempty"`
	Enum            []string        `json:"enum,omitempty"`
	Min             *float64        `json:"min,omitempty"`
	Max             *float64        `json:"max,omitempty"`
	LocationName    string          `json:"locationName,omitempty"`
	TimestampFormat string          `json:"timestampFormat,omitempty"`
	Flattened       bool            `json:"flattened,omitempty"`
	Streaming       bool            `json:"streaming,omitempty"`
	Document        bool            `json:"document,omitempty"`
	EventStream     bool            `json:"eventstream,omitempty"`
	Sensitive       bool            `json:"sensitive,omitempty"`
	XMLNamespace    *Namespace      `json:"xmlNamespace,omitempty"`
	Exception       bool            `json:"exception,omitempty"`
	Fault           bool            `json:"fault,omitempty"`
	Error           *Error          `json:"error,omitempty"`
}

// Error is what the model says of an exception.
type Error struct {
	Code           string `json:"code,omitempty"`
	HTTPStatusCode int    `json:"httpStatusCode,omitempty"`
	SenderFault    bool   `json:"senderFault,omitempty"`
}
