package cdn

import "testing"

func TestAtPOP(t *testing.T) {
	s := change(t, sampleState(t), KindNodeRegister, Node{ID: "SYD-1", Role: RoleEdge, POP: "SYD"})
	s = change(t, s, KindNodeRegister, Node{ID: "FRA-R1", Role: RoleEdge, POP: "FRA", Regional: "eu-central-1"})
	if name := POPName("SYD", "d1.warmfront.test"); name != "pop-syd.d1.warmfront.test" {
		t.Error(name)
	}
	for host, want := range map[string]string{
		"pop-syd.d1.warmfront.test": "SYD", "pop-nrt.d1.warmfront.test": "", "pop-fra.d1.warmfront.test": "", "pop-.d1.warmfront.test": "",
		"pop-syd.www.example.test": "", "pop-syd.d2.warmfront.test": "", "d1.warmfront.test": "", "pop-syd": "", "x.pop-syd.d1.warmfront.test": "",
	} {
		pop, p := s.AtPOP(host)
		if pop != want || (p != nil) != (want != "") {
			t.Errorf("%s: %q, %v", host, pop, p)
		}
		if want != "" && s.PlanFor(host) != p {
			t.Errorf("%s is nobody's name", host)
		}
	}
}
