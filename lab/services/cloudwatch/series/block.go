package series

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"

	"haven/lab/services/cloudwatch/summary"
)

// block is some consecutive buckets, by their index.
type block struct {
	buckets map[uint16]*summary.Summary
	dirty   bool
}

func newBlock() *block { return &block{buckets: map[uint16]*summary.Summary{}} }

func (b *block) merge(index uint16, s summary.Summary) {
	bucket := b.buckets[index]
	if bucket == nil {
		bucket = &summary.Summary{}
		b.buckets[index] = bucket
	}
	bucket.Merge(s)
	b.dirty = true
}

// What a bucket's distribution is.
const (
	exact = iota
	rough
	opaque
)

// encode writes a block: for each bucket its index, its kind, four numbers and its values.
func (b *block) encode() []byte {
	var out []byte
	number := func(f float64) { out = binary.BigEndian.AppendUint64(out, math.Float64bits(f)) }
	for _, index := range slices.Sorted(maps.Keys(b.buckets)) {
		s := b.buckets[index]
		out = binary.AppendUvarint(out, uint64(index))
		kind := byte(exact)
		if s.Opaque {
			kind = opaque
		} else if s.Rough {
			kind = rough
		}
		out = append(out, kind)
		number(s.Count)
		number(s.Sum)
		number(s.Min)
		number(s.Max)
		out = binary.AppendUvarint(out, uint64(len(s.Values)))
		for _, v := range s.Values {
			number(v.Value)
			number(v.Count)
		}
	}
	return out
}

var errBlock = errors.New("a block of measurements is cut off")

// decode reads what encode wrote.
func decode(raw []byte) (*block, error) {
	r := &reader{raw: raw}
	b := newBlock()
	for len(r.raw) > 0 && r.err == nil {
		index, kind := r.count(), r.byte()
		s := &summary.Summary{Count: r.number(), Sum: r.number(), Min: r.number(), Max: r.number(), Rough: kind == rough, Opaque: kind == opaque}
		for left := r.count(); left > 0 && r.err == nil; left-- {
			s.Values = append(s.Values, summary.Value{Value: r.number(), Count: r.number()})
		}
		b.buckets[uint16(index)] = s
	}
	return b, r.err
}

// reader takes values off the front of bytes, until there are too few.
type reader struct {
	raw []byte
	err error
}

func (r *reader) fail() uint64 {
	r.err, r.raw = errBlock, nil
	return 0
}

func (r *reader) count() uint64 {
	value, size := binary.Uvarint(r.raw)
	if size <= 0 {
		return r.fail()
	}
	r.raw = r.raw[size:]
	return value
}

func (r *reader) byte() byte {
	if len(r.raw) == 0 {
		return byte(r.fail())
	}
	first := r.raw[0]
	r.raw = r.raw[1:]
	return first
}

func (r *reader) number() float64 {
	if len(r.raw) < 8 {
		return math.Float64frombits(r.fail())
	}
	bits := binary.BigEndian.Uint64(r.raw)
	r.raw = r.raw[8:]
	return math.Float64frombits(bits)
}
