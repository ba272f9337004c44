package lb

import "testing"

func TestChoose(t *testing.T) {
	up, down, away := candidate{healthy: true}, candidate{}, candidate{healthy: true, draining: true}
	busy := func(n int64) candidate { return candidate{healthy: true, outstanding: n} }
	for _, c := range []struct {
		name      string
		all       []candidate
		algorithm string
		want      []int // for turns from 0
	}{
		{"one after the other", []candidate{up, up, up}, RoundRobin, []int{0, 1, 2, 0, 1}},
		{"but for those that are down", []candidate{up, down, up}, RoundRobin, []int{0, 2, 0, 2}},
		{"and those that are taken away", []candidate{away, up, up}, RoundRobin, []int{1, 2, 1}},
		{"all are down: all are asked", []candidate{down, down}, RoundRobin, []int{0, 1, 0}},
		{"but for those that are taken away", []candidate{away, down}, RoundRobin, []int{1, 1}},
		{"nobody", nil, RoundRobin, []int{-1}},
		{"nobody but one that is taken away", []candidate{away}, LeastOutstanding, []int{-1}},
		{"the least busy", []candidate{busy(3), busy(1), busy(2)}, LeastOutstanding, []int{1, 1, 1}},
		{"of equals the next in turn", []candidate{busy(1), busy(5), busy(1)}, LeastOutstanding, []int{0, 2, 2, 0}},
		{"not one that is down, however idle", []candidate{down, busy(9)}, LeastOutstanding, []int{1}},
	} {
		for turn, want := range c.want {
			if got := choose(c.all, c.algorithm, uint64(turn)); got != want {
				t.Errorf("%s, turn %d: %d, want %d", c.name, turn, got, want)
			}
		}
	}
}

func TestChecksInARow(t *testing.T) {
	h := Health{Healthy: 3, Unhealthy: 2}
	for checks, want := range map[string]string{ // g: good, b: bad; the state after each: +, -
		"g": "+", "b": "-", "gb": "++", "gbb": "++-", "gbgb": "++++", "bgg": "---", "bggg": "---+", "bggbggg": "------+", "gbbg": "++--",
	} {
		var r record
		got := ""
		for _, c := range checks {
			reason := ""
			if c == 'b' {
				reason = "bad"
			}
			r = r.checked(reason, h)
			got += map[bool]string{true: "+", false: "-"}[r.healthy]
			if !r.healthy && r.reason == "" {
				t.Errorf("%s: down without a reason", checks)
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", checks, got, want)
		}
	}
}

func TestParseTargets(t *testing.T) {
	for text, want := range map[string]int{`{"targets": ["a:1", "[::1]:2"]}`: 2, `{"targets": []}`: 0, `{"targets": ["a"]}`: -1, `{"targets": ["a:0"]}`: -1, `{"target": []}`: -1, `{"targets": ["a:1", "a:1"]}`: -1, `[`: -1, `{"targets": [":80"]}`: -1} {
		got, err := ParseTargets([]byte(text))
		if (err != nil) != (want < 0) || err == nil && len(got) != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}
