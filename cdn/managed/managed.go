// Package managed holds CloudFront's managed policies: those with published ids that
// are the same in every account, each as the document that the API would have been
// given to make it.
package managed

import (
	"fmt"
	"strings"
)

// Policy is one of them.
type Policy struct {
	ID, Name string
	write    func() string
}

// Document returns the policy's configuration: a CachePolicyConfig, an
// OriginRequestPolicyConfig or a ResponseHeadersPolicyConfig.
func (p Policy) Document() string { return p.write() }

func policy(root, id, name string, document func() string) Policy {
	return Policy{id, name, func() string {
		return fmt.Sprintf("<%[1]s><Comment></Comment><Name>%[2]s</Name>%[3]s</%[1]s>", root, name, document())
	}}
}

// The selections that managed policies are made of; anything else is a list of names
// with spaces between.
const (
	chooseNone = "none"
	chooseAll  = "all"
)

// CachePolicies returns the managed cache policies (developer guide, "Use managed cache
// policies").
func CachePolicies() []Policy {
	const year = 31536000
	const overrides = "host origin x-http-method x-http-method-override x-method-override"
	const amplify = "Accept Authorization CloudFront-Viewer-Country Host"
	made := func(id, name string, least, def, most int, headers, cookies, query string, gzip, brotli bool) Policy {
		return policy("CachePolicyConfig", id, name, func() string {
			return fmt.Sprintf("<DefaultTTL>%d</DefaultTTL><MaxTTL>%d</MaxTTL><MinTTL>%d</MinTTL><ParametersInCacheKeyAndForwardedToOrigin>"+
				"<EnableAcceptEncodingGzip>%t</EnableAcceptEncodingGzip><EnableAcceptEncodingBrotli>%t</EnableAcceptEncodingBrotli>%s</ParametersInCacheKeyAndForwardedToOrigin>",
				def, most, least, gzip, brotli, choices(headers, cookies, query))
		})
	}
	return []Policy{
		made("658327ea-f89d-4fab-a63d-7e88639e58f6", "Managed-CachingOptimized", 1, 86400, year, chooseNone, chooseNone, chooseNone, true, true),
		made("b2884449-e4de-46a7-ac36-70bc7f1ddd6d", "Managed-CachingOptimizedForUncompressedObjects", 1, 86400, year, chooseNone, chooseNone, chooseNone, false, false),
		made("4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "Managed-CachingDisabled", 0, 0, 0, chooseNone, chooseNone, chooseNone, false, false),
		made("2e54312d-136d-493c-8eb9-b001f22f67d2", "Managed-Amplify", 2, 2, 600, "Authorization CloudFront-Viewer-Country Host", chooseAll, chooseAll, true, true),
		made("08627262-05a9-4f76-9ded-b50ca2e3a84f", "Managed-Elemental-MediaPackage", 0, 86400, year, "origin", chooseNone, "aws.manifestfilter start end m", true, false),
		made("83da9c7e-98b4-4e11-a168-04f0df8e2c65", "UseOriginCacheControlHeaders", 0, 0, year, overrides, chooseAll, chooseNone, true, true),
		made("4cc15a8a-d715-48a4-82b8-cc0b614638fe", "UseOriginCacheControlHeaders-QueryStrings", 0, 0, year, overrides, chooseAll, chooseAll, true, true),
		made("4d1d2f1d-3a71-49ad-9e08-7ea5d843a556", "Managed-Amplify-Default", 0, 0, year, amplify, chooseAll, chooseAll, true, true),
		made("a6bad946-36c3-4c33-aa98-362c74a7fb13", "Managed-Amplify-DefaultNoCookies", 0, 0, year, amplify, chooseNone, chooseAll, true, true),
		made("1c6db51a-a33f-469a-8245-dae26771f530", "Managed-Amplify-ImageOptimization", 0, 0, year, "Accept Authorization Host", chooseNone, chooseAll, true, true),
		made("7e5fad67-ee98-4ad0-b05a-394999eefc1a", "Managed-Amplify-StaticContent", 0, 0, year, "Authorization Host", chooseNone, chooseNone, true, true),
	}
}

// viewerHeaders are the 21 headers of AllViewerAndCloudFrontHeaders-2022-06: those
// that CloudFront could add in June 2022.
const viewerHeaders = "CloudFront-Forwarded-Proto CloudFront-Is-Android-Viewer CloudFront-Is-Desktop-Viewer CloudFront-Is-IOS-Viewer " +
	"CloudFront-Is-Mobile-Viewer CloudFront-Is-SmartTV-Viewer CloudFront-Is-Tablet-Viewer CloudFront-Viewer-Address CloudFront-Viewer-ASN " +
	"CloudFront-Viewer-City CloudFront-Viewer-Country CloudFront-Viewer-Country-Name CloudFront-Viewer-Country-Region " +
	"CloudFront-Viewer-Country-Region-Name CloudFront-Viewer-Http-Version CloudFront-Viewer-Latitude CloudFront-Viewer-Longitude " +
	"CloudFront-Viewer-Metro-Code CloudFront-Viewer-Postal-Code CloudFront-Viewer-Time-Zone CloudFront-Viewer-TLS"

// OriginRequestPolicies returns the managed origin request policies (developer guide, "Use
// managed origin request policies").
func OriginRequestPolicies() []Policy {
	const preflight = "Origin Access-Control-Request-Headers Access-Control-Request-Method"
	made := func(id, name, headers, cookies, query string) Policy {
		return policy("OriginRequestPolicyConfig", id, "Managed-"+name, func() string { return choices(headers, cookies, query) })
	}
	return []Policy{
		made("216adef6-5c7f-47e4-b989-5492eafa07d3", "AllViewer", "allViewer", chooseAll, chooseAll),
		made("33f36d7e-f396-46d9-90e0-52428a34d9dc", "AllViewerAndCloudFrontHeaders-2022-06", "allViewerAndWhitelistCloudFront: "+viewerHeaders, chooseAll, chooseAll),
		made("b689b0a8-53d0-40ab-baf2-68738e2966ac", "AllViewerExceptHostHeader", "allExcept: host", chooseAll, chooseAll),
		made("59781a5b-3903-41f3-afcb-af62929ccde1", "CORS-CustomOrigin", "Origin", chooseNone, chooseNone),
		made("88a5eaf4-2fd4-4709-b370-b4c650ea3fcf", "CORS-S3Origin", preflight, chooseNone, chooseNone),
		made("775133bc-15f2-49f9-abea-afb2e0bf67d2", "Elemental-MediaTailor-PersonalizedManifests", preflight+" User-Agent X-Forwarded-For", chooseNone, chooseAll),
		made("bf0718e1-ba1e-49d1-88b1-f726733018ae", "HostHeaderOnly", "Host", chooseNone, chooseNone),
		made("acba4595-bd28-49b8-b9fe-13317c0390fa", "UserAgentRefererHeaders", "User-Agent Referer", chooseNone, chooseNone),
	}
}

// choices writes what a policy selects of headers, cookies and the query string.
// Each is a behavior, or names, or a behavior, ": " and names.
func choices(headers, cookies, query string) string {
	var b strings.Builder
	for _, c := range []struct{ config, behavior, names, chosen string }{
		{"HeadersConfig", "HeaderBehavior", "Headers", headers}, {"CookiesConfig", "CookieBehavior", "Cookies", cookies},
		{"QueryStringsConfig", "QueryStringBehavior", "QueryStrings", query},
	} {
		behavior, names, both := strings.Cut(c.chosen, ": ")
		if !both && behavior != chooseNone && behavior != chooseAll && behavior != "allViewer" {
			behavior, names = "whitelist", c.chosen
		}
		fmt.Fprintf(&b, "<%[1]s><%[2]s>%[3]s</%[2]s>", c.config, c.behavior, behavior)
		if names != "" {
			b.WriteString(list(c.names, "Name", names))
		}
		fmt.Fprintf(&b, "</%s>", c.config)
	}
	return b.String()
}

// list writes a list of the words in items.
func list(name, item, items string) string {
	var b strings.Builder
	words := strings.Fields(items)
	fmt.Fprintf(&b, "<%s><Quantity>%d</Quantity><Items>", name, len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "<%[1]s>%[2]s</%[1]s>", item, w)
	}
	fmt.Fprintf(&b, "</Items></%s>", name)
	return b.String()
}

// ResponseHeadersPolicies returns the managed response headers policies (developer guide,
// "Use managed response headers policies").
func ResponseHeadersPolicies() []Policy {
	cors := func(methods, expose string) string {
		return "<CorsConfig>" + list("AccessControlAllowOrigins", "Origin", "*") + list("AccessControlAllowHeaders", "Header", "*") +
			list("AccessControlAllowMethods", "Method", methods) + "<AccessControlAllowCredentials>false</AccessControlAllowCredentials>" + expose +
			"<OriginOverride>false</OriginOverride></CorsConfig>"
	}
	simple := cors("GET HEAD", "")
	preflight := cors("GET HEAD PUT POST PATCH DELETE OPTIONS", list("AccessControlExposeHeaders", "Header", "*"))
	const security = "<SecurityHeadersConfig>" +
		"<XSSProtection><Override>false</Override><Protection>true</Protection><ModeBlock>true</ModeBlock></XSSProtection>" +
		"<FrameOptions><Override>false</Override><FrameOption>SAMEORIGIN</FrameOption></FrameOptions>" +
		"<ReferrerPolicy><Override>false</Override><ReferrerPolicy>strict-origin-when-cross-origin</ReferrerPolicy></ReferrerPolicy>" +
		"<ContentTypeOptions><Override>true</Override></ContentTypeOptions>" +
		"<StrictTransportSecurity><Override>false</Override><AccessControlMaxAgeSec>31536000</AccessControlMaxAgeSec></StrictTransportSecurity>" +
		"</SecurityHeadersConfig>"
	made := func(id, name, document string) Policy {
		return policy("ResponseHeadersPolicyConfig", id, "Managed-"+name, func() string { return document })
	}
	return []Policy{
		made("60669652-455b-4ae9-85a4-c4c02393f86c", "SimpleCORS", simple),
		made("5cc3b908-e619-4b99-88e5-2cf7f45965bd", "CORS-With-Preflight", preflight),
		made("67f7725c-6f97-4210-82d7-5512b31e9d03", "SecurityHeadersPolicy", security),
		made("e61eb60c-9c35-4d20-a928-2b84e02af89c", "CORS-and-SecurityHeadersPolicy", simple+security),
		made("eaab4381-ed33-4a86-88ca-d9558dc6cd63", "CORS-with-preflight-and-SecurityHeadersPolicy", preflight+security),
	}
}
