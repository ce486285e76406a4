package trim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"haven/lab/model"
)

// All trims the model of every service that has a folder with handlers under services, and returns the files to
// write by name.
func All(source, services string) (map[string][]byte, error) {
	entries, err := os.ReadDir(services)
	if err != nil {
		return nil, fmt.Errorf("listing the services: %w", err)
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		dir := filepath.Join(services, entry.Name())
		if !entry.IsDir() {
			continue
		}
		handlers, err := Scan(dir)
		if err != nil {
			return nil, err
		}
		if len(handlers) == 0 {
			continue
		}
		service, err := Service(source, entry.Name(), dir)
		if err != nil {
			return nil, err
		}
		if files[entry.Name()+".json"], err = Encode(service); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// Encode writes a model with one line for each operation and shape, sorted, so that a change shows as a few lines.
func Encode(service *model.Service) ([]byte, error) {
	var out bytes.Buffer
	metadata, err := json.Marshal(service.Metadata)
	if err != nil {
		return nil, fmt.Errorf("encoding the model of %s: %w", service.Name, err)
	}
	fmt.Fprintf(&out, "{\n\"name\": %q,\n\"metadata\": %s,\n", service.Name, metadata)
	err = lines(&out, "operations", service.Operations, ",")
	if err == nil {
		err = lines(&out, "others", service.Others, ",")
	}
	if err == nil {
		err = lines(&out, "shapes", service.Shapes, "")
	}
	if err != nil {
		return nil, fmt.Errorf("encoding the model of %s: %w", service.Name, err)
	}
	out.WriteString("}\n")
	return out.Bytes(), nil
}

func lines[V any](out *bytes.Buffer, name string, values map[string]V, end string) error {
	fmt.Fprintf(out, "%q: {", name)
	for i, key := range slices.Sorted(maps.Keys(values)) {
		raw, err := json.Marshal(values[key])
		if err != nil {
			return err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(out, "\n  %q: %s", key, raw)
	}
	fmt.Fprintf(out, "\n}%s\n", end)
	return nil
}
