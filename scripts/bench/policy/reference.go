package main

// references are figures measured elsewhere, with a generator of which only what
// class holds is known: object and byte hit ratio in percent, with a cache of 1 %
// and of 10 % of the footprint.
func references() map[string]map[string][2]ratio {
	return map[string]map[string][2]ratio{
		"lru": {
			"social": {{54, 53}, {94, 94}}, "downloads": {{28, 29}, {65, 64}}, "video": {{58, 57}, {92, 92}},
		},
		"sieve": {
			"social": {{59, 58}, {94, 94}}, "downloads": {{33, 32}, {66, 65}}, "video": {{63, 61}, {91, 91}},
		},
		"s3-fifo": {
			"social": {{60, 59}, {95, 95}}, "downloads": {{34, 32}, {65, 64}}, "video": {{64, 62}, {93, 93}},
		},
		"w-tinylfu": {
			"social": {{73, 49}, {93, 87}}, "downloads": {{62, 20}, {76, 41}}, "video": {{78, 52}, {93, 85}},
		},
		"gdsf": {
			"social": {{73, 49}, {94, 86}}, "downloads": {{65, 21}, {80, 46}}, "video": {{77, 56}, {94, 81}},
		},
	}
}

// reference returns the figures to hold a policy to, nil where there are none.
func reference(traffic string, percent int64, policy string) *ratio {
	if policy == "gdsf-classic" {
		policy = "gdsf"
	}
	of, ok := references()[policy][traffic]
	if !ok {
		return nil
	}
	if percent == 1 {
		return &of[0]
	}
	return &of[1]
}
