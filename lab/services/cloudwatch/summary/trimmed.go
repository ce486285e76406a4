package summary

// trimmed returns a statistic of the samples between two bounds: TM their mean, WM the mean of all with those outside
// set to the bounds, TC their count, TS their sum, PR their share in percent.
func trimmed(name, kind string, low, high bound) Statistic {
	of := func(s *Summary) (float64, bool) {
		if s.Opaque {
			return 0, false
		}
		inside := s.between(low, high)
		switch kind {
		case "TC":
			return inside.count, true
		case "TS":
			return inside.sum, true
		case "PR":
			return inside.count / s.Count * 100, true
		case "WM":
			return s.winsorized(inside)
		}
		return inside.sum / inside.count, inside.count > 0
	}
	return Statistic{Name: name, of: of, Percentile: -1}
}

// part is what lies between two bounds, and what lies outside.
type part struct {
	count, sum, least, most float64
	below, above            float64 // samples
}

// between returns the part of the samples whose values are above low and not above high; bounds in percent are ranks,
// which may cut a value's samples.
func (s *Summary) between(low, high bound) part {
	var p part
	seen := 0.0
	for i, v := range s.Values {
		value, from, to := s.at(i), seen, seen+v.Count
		seen = to
		var below, above float64
		if low.percent {
			below = min(max(low.number/100*s.Count-from, 0), v.Count)
			above = min(max(to-high.number/100*s.Count, 0), v.Count-below)
		} else if value <= low.number {
			below = v.Count
		} else if value > high.number {
			above = v.Count
		}
		p.below, p.above = p.below+below, p.above+above
		p.take(value, v.Count-below-above)
	}
	return p
}

func (p *part) take(value, count float64) {
	if count <= 1e-9 {
		return
	}
	if p.count == 0 {
		p.least = value
	}
	p.most = value
	p.count += count
	p.sum += value * count
}

// winsorized returns the mean with the samples outside set to the nearest ones inside.
func (s *Summary) winsorized(p part) (float64, bool) {
	if p.count == 0 {
		return 0, false
	}
	return (p.sum + p.below*p.least + p.above*p.most) / s.Count, true
}
