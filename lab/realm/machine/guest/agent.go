package guest

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	agentEvery   = time.Minute     // AWS's agent reports every five minutes, and always has a poll open
	agentRetry   = 2 * time.Second // when the service does not answer; twice as long each time, up to agentEvery
	agentTimeout = 10 * time.Second
)

// runAgent stands for amazon-ssm-agent, which every Amazon Linux image has: again and again it asks its service over the
// instance's own network, so that names, routes, security groups and firewalls decide whether the instance can be managed.
func (m *machine) runAgent(service string) {
	client := &http.Client{Timeout: agentTimeout, Transport: &http.Transport{
		DialContext: (&net.Dialer{Resolver: &net.Resolver{PreferGo: true}}).DialContext, DisableKeepAlives: true,
	}}
	reached, retry := true, agentRetry // the first failure is told
	for {
		err := knock(client, service)
		event, wait := AgentEvent{}, agentEvery
		if err != nil {
			if reached {
				m.journal.say("amazon-ssm-agent", "the service can't be reached: %v", err)
				retry = agentRetry
			}
			event.Error, wait = err.Error(), retry
			retry = min(2*retry, agentEvery)
		}
		reached = err == nil
		m.report(Event{Agent: &event})
		time.Sleep(wait)
	}
}

// knock asks the service for anything: any answer will do.
func knock(client *http.Client, service string) error {
	ctx, cancel := context.WithTimeout(context.Background(), agentTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, service, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	return err
}
