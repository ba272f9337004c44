package cloudfront

import "reflect"

// CloudFront shows a configuration with what the caller left out filled in, and
// clients rely on it: Terraform's provider reads Origins, OriginGroups and
// ViewerCertificate without asking whether they are there. What is filled in is
// only shown. The configuration is kept as it was received, so that a default
// that CloudFront changes one day does not change what somebody asked for.

// FillDefaults sets every member that CloudFront shows although the caller left
// it out. It shares nothing with other values.
func (c *DistributionConfig) FillDefaults() {
	fill(c, DistributionConfig{
		Aliases:                      &Aliases{},
		DefaultRootObject:            new(""),
		OriginGroups:                 &OriginGroups{},
		CacheBehaviors:               &CacheBehaviors{},
		CustomErrorResponses:         &CustomErrorResponses{},
		Logging:                      &LoggingConfig{Enabled: new(false), IncludeCookies: new(false), Bucket: new(""), Prefix: new("")},
		PriceClass:                   PriceClassAll,
		ViewerCertificate:            viewerCertificateDefaults(c.ViewerCertificate),
		Restrictions:                 &Restrictions{GeoRestriction: GeoRestriction{RestrictionType: GeoRestrictionTypeNone}},
		WebACLId:                     new(""),
		HttpVersion:                  HttpVersionHttp2,
		IsIPV6Enabled:                new(true),
		ContinuousDeploymentPolicyId: new(""),
		Staging:                      new(false),
	})
	for i := range c.Origins.Items {
		fill(&c.Origins.Items[i], originDefaults(&c.Origins.Items[i]))
	}
	fill(&c.DefaultCacheBehavior, behaviorDefaults(c.DefaultCacheBehavior.ForwardedValues, c.DefaultCacheBehavior.MinTTL, c.DefaultCacheBehavior.DefaultTTL))
	for i := range c.CacheBehaviors.Items {
		b := &c.CacheBehaviors.Items[i]
		fill(b, behaviorDefaults(b.ForwardedValues, b.MinTTL, b.DefaultTTL))
	}
	for i := range c.CustomErrorResponses.Items {
		fill(&c.CustomErrorResponses.Items[i], CustomErrorResponse{
			ResponsePagePath: new(""), ResponseCode: new(""), ErrorCachingMinTTL: new(int64(10)),
		})
	}
}

// viewerCertificateDefaults are CloudFront's own certificate unless v names
// another; CertificateSource and Certificate are the older way to say which.
func viewerCertificateDefaults(v *ViewerCertificate) *ViewerCertificate {
	d := &ViewerCertificate{CloudFrontDefaultCertificate: new(false), MinimumProtocolVersion: MinimumProtocolVersionTLSv1}
	switch {
	case v != nil && v.ACMCertificateArn != nil:
		d.CertificateSource, d.Certificate = CertificateSourceAcm, new(*v.ACMCertificateArn)
	case v != nil && v.IAMCertificateId != nil:
		d.CertificateSource, d.Certificate = CertificateSourceIam, new(*v.IAMCertificateId)
	default:
		d.CloudFrontDefaultCertificate = new(true)
		d.SSLSupportMethod, d.CertificateSource = SSLSupportMethodVip, CertificateSourceCloudfront
	}
	return d
}

func originDefaults(o *Origin) Origin {
	d := Origin{
		OriginPath:            new(""),
		CustomHeaders:         &CustomHeaders{},
		ConnectionAttempts:    new(3),
		ConnectionTimeout:     new(10),
		OriginShield:          &OriginShield{},
		OriginAccessControlId: new(""),
	}
	if o.S3OriginConfig != nil {
		d.S3OriginConfig = &S3OriginConfig{OriginReadTimeout: new(30)}
	}
	if o.CustomOriginConfig != nil {
		d.CustomOriginConfig = &CustomOriginConfig{
			OriginSslProtocols:     &OriginSslProtocols{Quantity: 2, Items: []SslProtocol{SslProtocolSSLv3, SslProtocolTLSv1}},
			OriginReadTimeout:      new(30),
			OriginKeepaliveTimeout: new(5),
		}
	}
	return d
}

// behaviorDefaults are those of a cache behavior, default or not. One that
// forwards values itself instead of using a cache policy has TTLs of its own.
func behaviorDefaults(forwarded *ForwardedValues, minTTL, defaultTTL *int64) DefaultCacheBehavior {
	methods := func() []Method { return []Method{MethodHEAD, MethodGET} }
	d := DefaultCacheBehavior{
		TrustedSigners:   &TrustedSigners{},
		TrustedKeyGroups: &TrustedKeyGroups{},
		AllowedMethods: &AllowedMethods{
			Quantity: 2, Items: methods(),
			CachedMethods: &CachedMethods{Quantity: 2, Items: methods()},
		},
		SmoothStreaming:            new(false),
		Compress:                   new(false),
		LambdaFunctionAssociations: &LambdaFunctionAssociations{},
		FunctionAssociations:       &FunctionAssociations{},
		FieldLevelEncryptionId:     new(""),
		GrpcConfig:                 &GrpcConfig{},
	}
	if forwarded != nil {
		d.ForwardedValues = &ForwardedValues{Headers: &Headers{}, QueryStringCacheKeys: &QueryStringCacheKeys{}}
		d.MinTTL = new(int64(0))
		d.DefaultTTL, d.MaxTTL = ttlDefaults(Or(minTTL, 0), defaultTTL)
	}
	return d
}

// ttlDefaults are a day and a year, or what is given of the lesser TTLs if that
// is more.
func ttlDefaults(minTTL int64, defaultTTL *int64) (def, most *int64) {
	d := Or(defaultTTL, max(minTTL, 86400))
	return new(d), new(max(minTTL, d, 31536000))
}

// FillDefaults sets what CloudFront shows of a cache policy although the caller
// left it out.
func (c *CachePolicyConfig) FillDefaults() {
	d := CachePolicyConfig{Comment: new("")}
	d.DefaultTTL, d.MaxTTL = ttlDefaults(c.MinTTL, c.DefaultTTL)
	fill(c, d)
}

// FillDefaults sets what CloudFront shows of a distribution although nobody
// said it: the configuration's defaults, and that no key signs for it, unless
// the caller has set which do.
func (d *Distribution) FillDefaults() {
	d.DistributionConfig.FillDefaults()
	fill(d, Distribution{
		ActiveTrustedSigners:   &ActiveTrustedSigners{},
		ActiveTrustedKeyGroups: &ActiveTrustedKeyGroups{},
		AliasICPRecordals:      icpRecordals(d.DistributionConfig.Aliases),
	})
}

// icpRecordals says of every alias that China's registration does not stand in
// its way: outside China it always is APPROVED.
func icpRecordals(a *Aliases) []AliasICPRecordal {
	var r []AliasICPRecordal
	for _, name := range a.Items {
		r = append(r, AliasICPRecordal{CNAME: new(name), ICPRecordalStatus: ICPRecordalStatusAPPROVED})
	}
	return r
}

// Summary fills d's defaults and returns what lists show of it.
func (d *Distribution) Summary() DistributionSummary {
	d.FillDefaults()
	c := &d.DistributionConfig
	return DistributionSummary{
		Id: d.Id, ARN: d.ARN, Status: d.Status, LastModifiedTime: d.LastModifiedTime, DomainName: d.DomainName,
		Aliases: *c.Aliases, Origins: c.Origins, OriginGroups: c.OriginGroups,
		DefaultCacheBehavior: c.DefaultCacheBehavior, CacheBehaviors: *c.CacheBehaviors,
		CustomErrorResponses: *c.CustomErrorResponses, Comment: c.Comment, PriceClass: c.PriceClass,
		Enabled: c.Enabled, ViewerCertificate: *c.ViewerCertificate, Restrictions: *c.Restrictions,
		WebACLId: *c.WebACLId, HttpVersion: c.HttpVersion, IsIPV6Enabled: *c.IsIPV6Enabled,
		AliasICPRecordals: d.AliasICPRecordals, Staging: *c.Staging, ConnectionMode: c.ConnectionMode,
		AnycastIpListId: c.AnycastIpListId, ViewerMtlsConfig: c.ViewerMtlsConfig,
		ConnectionFunctionAssociation: c.ConnectionFunctionAssociation,
	}
}

// Or returns what an optional member holds, or def if it is absent.
func Or[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// fill sets the members of *dst that are absent to those of the same name in
// defaults, at every depth. Only pointers, slices and enumerations can be
// absent: a plain 0 or false is what somebody sent.
func fill(dst, defaults any) {
	fillValue(reflect.ValueOf(dst).Elem(), reflect.ValueOf(defaults))
}

func fillValue(dst, defaults reflect.Value) {
	for i := range defaults.NumField() {
		from, to := defaults.Field(i), dst.FieldByName(defaults.Type().Field(i).Name)
		switch from.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.String:
			if to.IsZero() {
				to.Set(from)
			} else if from.Kind() == reflect.Pointer && !from.IsNil() && from.Elem().Kind() == reflect.Struct {
				fillValue(to.Elem(), from.Elem())
			}
		}
	}
}
