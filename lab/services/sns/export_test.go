package sns

// SetEndpoint sets the URL of the API once a test's server has one.
func (s *Service) SetEndpoint(url string) { s.endpoint = url }
