package conformance_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/internal/browsertest"
	"haven/lab/conformance/world"
	"haven/lab/overview"
	"haven/lab/page"
)

// picture is the region as the live page sees it now.
func picture(w *world.World) (p overview.Picture, err error) {
	sight, err := w.Control.Sight(context.Background(), world.Region)
	return sight.Picture, err
}

// server finds an instance in the picture.
func server(w *world.World, id string) (overview.Server, overview.Zone, error) {
	p, err := picture(w)
	if err != nil {
		return overview.Server{}, overview.Zone{}, err
	}
	for _, zone := range p.Zones {
		for _, x := range zone.Servers {
			if x.ID == id {
				return x, zone, nil
			}
		}
	}
	return overview.Server{}, overview.Zone{}, fmt.Errorf("the picture has no %s", id)
}

// TestThePageShowsWhatRuns follows one server through its life on the page: it comes, serves requests that are counted,
// hangs by a fault that the page itself injects, is seen to fail, and is healed.
func TestThePageShowsWhatRuns(t *testing.T) {
	w := world.Open(t)
	n := w.Network(t, "a", "b")
	id := n.Instance(t, world.Instance{Zone: "a", UserData: w.WebServer(80)})
	b := n.Balancer(t)
	b.Register(t, id)
	b.AwaitHealth(t, id, elbtypes.TargetHealthStateEnumHealthy)
	nodes := b.Nodes(t)

	t.Run("a request is counted where it went", func(t *testing.T) {
		client := world.Client(nodes[0])
		world.Wait(t, "requests on the page", time.Minute, func() error {
			response, err := client.Get("http://" + b.DNSName + "/")
			if err != nil {
				return err
			}
			response.Body.Close()
			x, zone, err := server(w, id)
			switch {
			case err != nil:
				return err
			case x.Health != overview.Well || x.Requests == 0:
				return fmt.Errorf("the server is %s (%s) with %.1f requests a second", x.Health, x.Reason, x.Requests)
			}
			for _, node := range zone.Balancer {
				if node.Loopback == nodes[0].Address && node.Traffic.Requests > 0 && node.Traffic.P50 > 0 {
					return nil
				}
			}
			return fmt.Errorf("the node %s has counted nothing: %+v", nodes[0].Address, zone.Balancer)
		})
	})
	t.Run("a fault by the page itself", func(t *testing.T) { breakByPage(t, w, b, id) })
	t.Run("in a browser", func(t *testing.T) { browse(t, w, id) })
	t.Run("what is gone is shown no more", func(t *testing.T) {
		_, err := w.EC2.TerminateInstances(context.Background(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
		require.NoError(t, err)
		world.Wait(t, "the instance's end", time.Minute, func() error {
			if _, _, err := server(w, id); err == nil {
				return fmt.Errorf("%s is still shown", id)
			}
			return nil
		})
	})
}

var pageToken = regexp.MustCompile(`name="haven-token" content="([^"]+)"`)

// post asks the page to change something, as its own script does.
func post(w *world.World, path string, body any, token string) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, w.Endpoint+page.Root+path+"?region="+world.Region, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Origin", w.Endpoint)
	request.Header.Set("X-Haven-Token", token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %s", response.Status, why)
	}
	return nil
}

func read(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(raw)
}

func breakByPage(t *testing.T, w *world.World, b *world.Balancer, id string) {
	token := pageToken.FindStringSubmatch(read(t, w.Endpoint+page.Root))[1]
	events := follow(t, w)
	var offered struct{ Choices []page.Choice }
	world.Wait(t, "the offer to hang the server", time.Minute, func() error {
		if err := json.Unmarshal([]byte(read(t, w.Endpoint+page.Root+"faults?region="+world.Region)), &offered); err != nil {
			return err
		}
		if choiceOf(offered.Choices, id) == nil {
			return fmt.Errorf("among %d choices there is none", len(offered.Choices))
		}
		return nil
	})
	hang := choiceOf(offered.Choices, id)
	assert.Error(t, post(w, "faults", hang, "another"), "without the page's own token nothing happens")
	require.NoError(t, post(w, "faults", hang, token))
	var fault overview.Fault
	world.Wait(t, "the fault, and the server that fails by it", time.Minute, func() error {
		p, err := picture(w)
		if err != nil {
			return err
		}
		for _, one := range p.Faults {
			if one.Target == id {
				fault = one
			}
		}
		x, _, err := server(w, id)
		if err == nil && (x.Health != overview.Failing || len(x.Faults) != 1 || x.Faults[0] != fault.ID) {
			err = fmt.Errorf("it is %s (%s) with the faults %v", x.Health, x.Reason, x.Faults)
		}
		return err
	})
	events.await(t, id+" is broken on purpose")
	events.await(t, "unhealthy")
	require.NoError(t, post(w, "heal", map[string]string{"id": fault.ID}, token))
	b.AwaitHealth(t, id, elbtypes.TargetHealthStateEnumHealthy)
	events.await(t, "is healed")
}

func choiceOf(all []page.Choice, id string) *page.Choice {
	for i := range all {
		if all[i].Kind == "hang" && all[i].Target == id {
			return &all[i]
		}
	}
	return nil
}

// events are what the page's stream says happened, as it says it.
type events struct{ lines chan string }

func follow(t *testing.T, w *world.World) *events {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.Endpoint+page.Root+"stream?region="+world.Region, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { cancel(); response.Body.Close() })
	e := &events{lines: make(chan string, 4096)}
	go func() {
		defer close(e.lines)
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 8<<20)
		for lines.Scan() {
			var batch struct {
				Events []struct{ Subject, Text string }
			}
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok || json.Unmarshal([]byte(data), &batch) != nil {
				continue
			}
			for _, one := range batch.Events {
				e.lines <- one.Subject + " " + one.Text
			}
		}
	}()
	return e
}

func (e *events) await(t *testing.T, text string) {
	t.Helper()
	end := time.After(time.Minute)
	var heard []string
	for {
		select {
		case line, ok := <-e.lines:
			if heard = append(heard, line); strings.Contains(line, text) {
				return
			}
			require.True(t, ok, "the stream ended")
		case <-end:
			t.Fatalf("waiting for %q on the page's stream; it said %q", text, heard)
		}
	}
}

func browse(t *testing.T, w *world.World, id string) {
	tab := browsertest.Start(t).Open(t, browsertest.Size{Width: 1400, Height: 1000}, false)
	tab.Go(w.Endpoint + page.Root + "?region=" + world.Region)
	tab.Until("the server is shown", `[...document.querySelectorAll(".node .id")].some(e => e.title === "`+id+`")`)
	tab.Until("it can be broken", `document.querySelector("[aria-label='Break `+id+`']")`)
	assert.Empty(t, tab.Errors())
	for _, request := range tab.Requests() {
		assert.True(t, strings.HasPrefix(request.URL, w.Endpoint+"/"), request.URL)
	}
}

// The page is for whoever sits at the machine: nobody inside the lab reaches it, and no other site can use it.
func TestThePageIsForItsOwnMachineOnly(t *testing.T) {
	w := world.Open(t)
	t.Run("an instance gets the API's answer instead", func(t *testing.T) {
		n := w.Network(t, "a")
		id := n.Instance(t, world.Instance{Zone: "a"})
		said := w.MustShell(t, id, "curl -s -o /dev/null -w '%{http_code}' http://s3."+world.Region+".amazonaws.com"+page.Root)
		assert.Equal(t, "403", strings.TrimSpace(said))
	})
	t.Run("a foreign name is refused", func(t *testing.T) {
		request, err := http.NewRequest(http.MethodGet, w.Endpoint+page.Root, nil)
		require.NoError(t, err)
		request.Host = "evil.example:4566"
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		response.Body.Close()
		assert.Equal(t, http.StatusForbidden, response.StatusCode)
	})
}
