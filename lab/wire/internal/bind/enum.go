package bind

import "reflect"

// enumOf returns the values that an enumeration may have: those of the SDK's type, which is newer than the model.
func enumOf(node *Node) map[string]bool {
	if len(node.Shape.Enum) == 0 {
		return nil
	}
	values := map[string]bool{}
	for _, value := range node.Shape.Enum {
		values[value] = true
	}
	method, ok := node.Type.MethodByName("Values")
	if !ok {
		return values
	}
	listed := method.Func.Call([]reflect.Value{reflect.Zero(node.Type)})[0]
	for i := range listed.Len() {
		values[listed.Index(i).String()] = true
	}
	return values
}
