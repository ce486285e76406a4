package page

import (
	"encoding/json"
	"net/http"

	"haven/lab/cloud"
)

// regionOf returns the region that a request asks about; the first of those in use when it names none.
func (p *Page) regionOf(w http.ResponseWriter, r *http.Request) (string, bool) {
	region := r.URL.Query().Get("region")
	if region == "" {
		region = p.options.Observer.Regions()[0]
	}
	if _, ok := cloud.FindRegion(region); !ok {
		refuse(w, http.StatusNotFound, "the lab has no such region")
		return "", false
	}
	return region, true
}

func (p *Page) servePicture(w http.ResponseWriter, r *http.Request) {
	region, ok := p.regionOf(w, r)
	if !ok {
		return
	}
	shot, ok := p.options.Observer.Shot(region)
	if !ok {
		refuse(w, http.StatusServiceUnavailable, "the lab has not looked yet; try again")
		return
	}
	answer(w, shot.Picture)
}

func (p *Page) serveChoices(w http.ResponseWriter, r *http.Request) {
	region, ok := p.regionOf(w, r)
	if !ok {
		return
	}
	choices := []Choice{}
	if p.options.Faults != nil {
		found, err := p.options.Faults.Choices(r.Context(), region)
		if err != nil {
			refuse(w, http.StatusInternalServerError, err.Error())
			return
		}
		choices = append(choices, found...)
	}
	answer(w, map[string]any{"choices": choices})
}

func (p *Page) serveInject(w http.ResponseWriter, r *http.Request) {
	region, ok := p.regionOf(w, r)
	if !ok {
		return
	}
	var choice Choice
	if !p.read(w, r, &choice) {
		return
	}
	id, err := p.options.Faults.Inject(r.Context(), region, choice)
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	answer(w, map[string]string{"id": id})
}

func (p *Page) serveHeal(w http.ResponseWriter, r *http.Request) {
	region, ok := p.regionOf(w, r)
	if !ok {
		return
	}
	var which struct {
		ID  string `json:"id"`
		All bool   `json:"all"`
	}
	if !p.read(w, r, &which) {
		return
	}
	if (which.ID == "") != which.All {
		refuse(w, http.StatusBadRequest, "name one fault by its id, or all of them")
		return
	}
	if err := p.options.Faults.Heal(r.Context(), region, which.ID); err != nil {
		refuse(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	answer(w, map[string]string{})
}

// read decodes the body, and refuses where nothing can be injected.
func (p *Page) read(w http.ResponseWriter, r *http.Request, into any) bool {
	if p.options.Faults == nil {
		refuse(w, http.StatusServiceUnavailable, "nothing runs in this lab, so nothing can be broken")
		return false
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		refuse(w, http.StatusBadRequest, "reading the request: "+err.Error())
		return false
	}
	return true
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body) // the client has gone if this fails
}

func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": why})
}
