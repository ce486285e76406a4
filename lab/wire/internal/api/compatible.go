package api

import (
	"net/http"
	"slices"

	"haven/lab/cloud"
	"haven/lab/model"
)

// ErrorShape returns the name of an error's shape, which differs from its code where the service's model says query.
func ErrorShape(service *model.Service, code string) string {
	if service == nil {
		return code
	}
	for _, operation := range service.Operations {
		i := slices.IndexFunc(operation.Errors, func(ref model.Ref) bool {
			described := service.Shapes[ref.Shape].Error
			return described != nil && described.Code == code
		})
		if i >= 0 {
			return operation.Errors[i].Shape
		}
	}
	return code
}

// QueryError tells an error's code to clients that speak another protocol to a service which used to speak query, and
// still know its codes
// (https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait).
func QueryError(w http.ResponseWriter, failure *cloud.Error) {
	w.Header().Set("X-Amzn-Query-Error", failure.Code+";"+FaultType(failure.Status))
}
