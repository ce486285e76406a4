package generic

func (p *Pointer[T]) Get() T { return *p.to }
