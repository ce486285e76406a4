package postgres

// Abandon ends all deciding at once and leaves the servers as they are, for a test that kills them.
func (m *Manager) Abandon() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for _, c := range m.clusters {
		c.stop()
		<-c.done
		c.actions.Wait()
	}
	m.clusters = map[string]*cluster{}
}
