package bind

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"haven/lab/model"
)

// Kind is what a shape is.
type Kind int

// The kinds of shapes.
const (
	Structure Kind = iota
	List
	Map
	String
	Integer
	Float
	Boolean
	Timestamp
	Blob
	Stream // a body that is not held in memory: io.Reader or io.ReadCloser
)

var kinds = map[string]Kind{
	"structure": Structure, "list": List, "map": Map, "string": String, "character": String, "integer": Integer,
	"long": Integer, "float": Float, "double": Float, "boolean": Boolean, "timestamp": Timestamp, "blob": Blob,
}

// Node is a shape joined to a Go type.
type Node struct {
	Kind  Kind
	Name  string // the shape's
	Shape *model.Shape
	Type  reflect.Type // without the pointer that optional values have

	Fields []*Field // of a structure, in the order of their names
	Elem   *Field   // of a list, and the value of a map
	Key    *Field   // of a map
	Enum   map[string]bool
}

// Field is a member joined to a struct's field, or the element, key or value of a collection.
type Field struct {
	*Node
	Ref      *model.Ref
	Member   string // the member's name in the model; empty for an element
	Index    int    // the field's index in the struct
	Required bool
}

// Field returns the structure's member of that name, or nil.
func (n *Node) Field(member string) *Field {
	for _, field := range n.Fields {
		if field.Member == member {
			return field
		}
	}
	return nil
}

// PayloadField returns the member that makes up the whole body, or nil.
func (n *Node) PayloadField() *Field {
	if n == nil || n.Shape.Payload == "" {
		return nil
	}
	return n.Field(n.Shape.Payload)
}

// Binder joins the shapes of one service, each pair of shape and type once.
type Binder struct {
	shapes map[string]*model.Shape
	nodes  map[key]*Node
}

type key struct {
	shape string
	kind  reflect.Type
}

// NewBinder returns a binder for a service's shapes.
func NewBinder(service *model.Service) *Binder {
	return &Binder{shapes: service.Shapes, nodes: map[key]*Node{}}
}

// Bind joins a shape to a Go type.
func (b *Binder) Bind(shape string, kind reflect.Type) (*Node, error) {
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	id := key{shape, kind}
	if node := b.nodes[id]; node != nil {
		return node, nil
	}
	described := b.shapes[shape]
	if described == nil {
		return nil, fmt.Errorf("binding shape %s: the model lacks it; type: go generate ./lab/model", shape)
	}
	node := &Node{Name: shape, Shape: described, Type: kind}
	b.nodes[id] = node // before its parts: shapes may contain themselves
	if err := b.fill(node); err != nil {
		return nil, err
	}
	return node, nil
}

func (b *Binder) fill(node *Node) error {
	known := false
	if node.Kind, known = kinds[node.Shape.Type]; !known {
		return node.misfit("the lab knows no such kind of shape")
	}
	if node.Shape.EventStream || node.Shape.Document {
		return node.misfit("event streams and documents are not implemented")
	}
	if node.Kind == Blob && isStream(node.Type) {
		node.Kind = Stream
	}
	if node.Kind == String && node.Type.Kind() == reflect.Int32 {
		node.Kind = Integer // the newer SDK corrects Route 53's MaxItems, which the older model has as a string
	}
	if node.Kind == Integer && node.Type.Kind() == reflect.String {
		node.Kind = String // and S3's PartNumberMarker the other way
	}
	if !node.fits() {
		return node.misfit("the types differ")
	}
	switch node.Kind {
	case Structure:
		return b.fields(node)
	case List:
		return b.elements(node)
	case Map:
		return b.entries(node)
	case String:
		node.Enum = enumOf(node)
	}
	return nil
}

func (n *Node) misfit(why string) error {
	return fmt.Errorf("binding shape %s (%s) to %s: %s", n.Name, n.Shape.Type, n.Type, why)
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	readerType = reflect.TypeFor[io.Reader]()
)

func isStream(t reflect.Type) bool { return t.Kind() == reflect.Interface && t.Implements(readerType) }

func (n *Node) fits() bool {
	kind := n.Type.Kind()
	switch n.Kind {
	case Structure:
		return kind == reflect.Struct && n.Type != timeType
	case List:
		return kind == reflect.Slice
	case Map:
		return kind == reflect.Map
	case String:
		return kind == reflect.String
	case Integer:
		return kind == reflect.Int32 || kind == reflect.Int64
	case Float:
		return kind == reflect.Float32 || kind == reflect.Float64
	case Boolean:
		return kind == reflect.Bool
	case Timestamp:
		return n.Type == timeType
	case Blob:
		return kind == reflect.Slice && n.Type.Elem().Kind() == reflect.Uint8
	}
	return n.Kind == Stream
}

func (b *Binder) fields(node *Node) error {
	for _, member := range slices.Sorted(maps.Keys(node.Shape.Members)) {
		ref := node.Shape.Members[member]
		field, ok := node.Type.FieldByName(GoName(member))
		if !ok {
			return node.misfit("the type has no field " + GoName(member))
		}
		bound, err := b.Bind(ref.Shape, field.Type)
		if err != nil {
			return fmt.Errorf("binding %s.%s: %w", node.Name, member, err)
		}
		node.Fields = append(node.Fields, &Field{
			Node: bound, Ref: ref, Member: member, Index: field.Index[0], Required: slices.Contains(node.Shape.Required, member),
		})
	}
	return nil
}

func (b *Binder) elements(node *Node) error {
	bound, err := b.Bind(node.Shape.Member.Shape, node.Type.Elem())
	node.Elem = &Field{Node: bound, Ref: node.Shape.Member}
	return err
}

func (b *Binder) entries(node *Node) error {
	bound, err := b.Bind(node.Shape.Key.Shape, node.Type.Key())
	if err != nil {
		return err
	}
	node.Key = &Field{Node: bound, Ref: node.Shape.Key}
	bound, err = b.Bind(node.Shape.Value.Shape, node.Type.Elem())
	node.Elem = &Field{Node: bound, Ref: node.Shape.Value}
	return err
}

// GoName returns the name of a member's field.
func GoName(member string) string { return strings.ToUpper(member[:1]) + member[1:] }
