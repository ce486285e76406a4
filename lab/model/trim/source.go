package trim

import (
	"encoding/json"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"

	// The module whose folder models/apis is the generator's input; this import keeps it in go.mod.
	_ "github.com/aws/aws-sdk-go/aws/endpoints"

	"haven/lab/model"
)

// sourceModule is where the published models come from; go.mod must say the same version.
const sourceModule = "github.com/aws/aws-sdk-go@v1.55.8"

// folders maps a package of aws-sdk-go-v2 to its folder under models/apis, where the names differ.
var folders = map[string]string{
	"cloudwatch":      "monitoring",
	"cloudwatchlogs":  "logs",
	"configservice":   "config",
	"arczonalshift":   "arc-zonal-shift",
	"efs":             "elasticfilesystem",
	"networkfirewall": "network-firewall",
	"ses":             "email",
}

// published is the part of an api-2.json file that the lab has a use for.
type published struct {
	Metadata   model.Metadata              `json:"metadata"`
	Operations map[string]*model.Operation `json:"operations"`
	Shapes     map[string]*model.Shape     `json:"shapes"`
}

// Source finds the published models. It downloads their module when the module cache lacks it.
func Source() (string, error) {
	dir := filepath.Join(cacheDir(), filepath.FromSlash(sourceModule), "models", "apis")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if out, err := exec.Command("go", "mod", "download", sourceModule).CombinedOutput(); err != nil {
		return "", fmt.Errorf("downloading %s: %w: %s", sourceModule, err, out)
	}
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("finding the published models of %s: %w", sourceModule, err)
	}
	return dir, nil
}

func cacheDir() string {
	if dir := os.Getenv("GOMODCACHE"); dir != "" {
		return dir
	}
	return filepath.Join(filepath.SplitList(build.Default.GOPATH)[0], "pkg", "mod")
}

// readPublished reads the newest published model of a service.
func readPublished(source, service string) (*published, error) {
	folder := service
	if other, ok := folders[service]; ok {
		folder = other
	}
	found, err := filepath.Glob(filepath.Join(source, folder, "*", "api-2.json"))
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("finding the published model of %s: no api-2.json under %s", service, filepath.Join(source, folder))
	}
	raw, err := os.ReadFile(found[len(found)-1]) // folders are dates: the last is the newest
	if err != nil {
		return nil, fmt.Errorf("reading the published model of %s: %w", service, err)
	}
	whole := new(published)
	if err := json.Unmarshal(raw, whole); err != nil {
		return nil, fmt.Errorf("reading the published model of %s: %w", service, err)
	}
	return whole, nil
}
