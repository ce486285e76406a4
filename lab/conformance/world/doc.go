// Package world gives conformance tests a whole lab: in a network, mount and pid namespace of its own, so that it meets
// no other lab of the machine, and ends with the test's process, whatever becomes of that.
//
//	func TestMain(m *testing.M) { os.Exit(world.Main(m)) }
//
//	func TestSomething(t testing.TB) {
//		w := world.Open(t)          // after t.Parallel(), if the test only waits
//		n := w.Network(t, "a", "b") // a VPC with a public subnet in each zone
//		id := n.Instance(t, world.Instance{Zone: "a", UserData: w.WebServer(80)})
//		...
//	}
//
// The lab is one for all tests of a process: what a test makes is its own (networks have addresses of their own), and a
// test that stops, kills or floods the whole lab opens it with OpenAlone.
package world
