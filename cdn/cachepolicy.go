package cdn

import "time"

// ManagedCachePolicies returns CloudFront's managed cache policies with their
// published ids and settings (developer guide, "Use managed cache policies").
func ManagedCachePolicies() []CachePolicy {
	const year = 365 * 24 * time.Hour
	none, all := Selection{}, Selection{Mode: SelectAll}
	names := func(n ...string) Selection { return Selection{SelectNames, n} }
	methodOverrides := names("host", "origin", "x-http-method", "x-http-method-override", "x-method-override")
	policy := func(id, name string, least, def, most time.Duration, headers, cookies, query Selection, gzip, brotli bool) CachePolicy {
		return CachePolicy{ID: id, Name: name, MinTTL: least, DefaultTTL: def, MaxTTL: most,
			Headers: headers, Cookies: cookies, Query: query, ForwardQuery: query, Gzip: gzip, Brotli: brotli}
	}
	const sec, day = time.Second, 24 * time.Hour
	return []CachePolicy{
		policy("658327ea-f89d-4fab-a63d-7e88639e58f6", "Managed-CachingOptimized", sec, day, year, none, none, none, true, true),
		policy("b2884449-e4de-46a7-ac36-70bc7f1ddd6d", "Managed-CachingOptimizedForUncompressedObjects", sec, day, year, none, none, none, false, false),
		policy("4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "Managed-CachingDisabled", 0, 0, 0, none, none, none, false, false),
		policy("2e54312d-136d-493c-8eb9-b001f22f67d2", "Managed-Amplify", 2*sec, 2*sec, 600*sec,
			names("Authorization", "CloudFront-Viewer-Country", "Host"), all, all, true, true),
		policy("08627262-05a9-4f76-9ded-b50ca2e3a84f", "Managed-Elemental-MediaPackage", 0, day, year,
			names("origin"), none, names("aws.manifestfilter", "start", "end", "m"), true, false),
		policy("83da9c7e-98b4-4e11-a168-04f0df8e2c65", "UseOriginCacheControlHeaders", 0, 0, year, methodOverrides, all, none, true, true),
		policy("4cc15a8a-d715-48a4-82b8-cc0b614638fe", "UseOriginCacheControlHeaders-QueryStrings", 0, 0, year, methodOverrides, all, all, true, true),
		policy("4d1d2f1d-3a71-49ad-9e08-7ea5d843a556", "Managed-Amplify-Default", 0, 0, year,
			names("Accept", "Authorization", "CloudFront-Viewer-Country", "Host"), all, all, true, true),
		policy("a6bad946-36c3-4c33-aa98-362c74a7fb13", "Managed-Amplify-DefaultNoCookies", 0, 0, year,
			names("Accept", "Authorization", "CloudFront-Viewer-Country", "Host"), none, all, true, true),
		policy("1c6db51a-a33f-469a-8245-dae26771f530", "Managed-Amplify-ImageOptimization", 0, 0, year,
			names("Accept", "Authorization", "Host"), none, all, true, true),
		policy("7e5fad67-ee98-4ad0-b05a-394999eefc1a", "Managed-Amplify-StaticContent", 0, 0, year,
			names("Authorization", "Host"), none, none, true, true),
	}
}

// ManagedCachePolicy returns the managed cache policy of that id.
func ManagedCachePolicy(id string) (CachePolicy, bool) {
	for _, p := range ManagedCachePolicies() {
		if p.ID == id {
			return p, true
		}
	}
	return CachePolicy{}, false
}
