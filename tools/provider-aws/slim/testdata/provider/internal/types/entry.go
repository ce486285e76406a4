package types

type Resource struct {
	Factory  func()
	TypeName string
}
