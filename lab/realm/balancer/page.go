package balancer

import (
	"fmt"
	"net/http"
	"strings"
)

// reason returns the title that the balancer's own pages give a status.
func reason(status int) string {
	switch status {
	case http.StatusServiceUnavailable:
		return "503 Service Temporarily Unavailable"
	case http.StatusGatewayTimeout:
		return "504 Gateway Time-out"
	case http.StatusRequestTimeout:
		return "408 Request Time-out"
	case http.StatusMethodNotAllowed:
		return "405 Not Allowed"
	default:
		return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
	}
}

// page is the body of a response that the balancer makes itself.
func page(title string) string {
	return "<html><head><title>" + title + "</title></head><body><center><h1>" + title + "</h1></center></body></html>"
}

// formatPage is page for a title that is an expression; the expression's own quotes rule out single ones around it.
func formatPage(title string) string { return `"` + strings.ReplaceAll(page(title), `"`, `\"`) + `"` }
