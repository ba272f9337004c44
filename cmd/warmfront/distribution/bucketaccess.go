package distribution

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/network/demo"
)

// accessControlName is the origin access control that distributions made by this
// command share.
const accessControlName = "warmfront"

// signFor gives the configuration's bucket, if it has one, an origin access
// control, made unless it is there, and returns the bucket's name.
func (c *client) signFor(ctx context.Context, config *types.DistributionConfig) (bucket string, err error) {
	origin := &config.Origins.Items[0]
	if origin.S3OriginConfig == nil {
		return "", nil
	}
	id, err := c.accessControl(ctx)
	origin.OriginAccessControlId = aws.String(id)
	bucket, _, _ = strings.Cut(aws.ToString(origin.DomainName), ".s3")
	return bucket, err
}

func (c *client) accessControl(ctx context.Context) (string, error) {
	pages := cloudfront.NewListOriginAccessControlsPaginator(c.CloudFront(), &cloudfront.ListOriginAccessControlsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, ac := range page.OriginAccessControlList.Items {
			if aws.ToString(ac.Name) == accessControlName {
				return aws.ToString(ac.Id), nil
			}
		}
	}
	out, err := c.CloudFront().CreateOriginAccessControl(ctx, &cloudfront.CreateOriginAccessControlInput{
		OriginAccessControlConfig: &types.OriginAccessControlConfig{
			Name: aws.String(accessControlName), Description: aws.String("Made by warmfront distribution create"),
			SigningProtocol: types.OriginAccessControlSigningProtocolsSigv4, SigningBehavior: types.OriginAccessControlSigningBehaviorsAlways,
			OriginAccessControlOriginType: types.OriginAccessControlOriginTypesS3,
		},
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.OriginAccessControl.Id), nil
}

// grant lets the distribution read the bucket, or says on stderr why it cannot
// read it yet. The distribution is made either way.
func (c *client) grant(cmd *cobra.Command, bucket, arn string) {
	s3 := c.Running.S3
	if s3 == "" {
		s3 = os.Getenv("AWS_ENDPOINT_URL_S3")
	}
	why := "it is not known where the bucket is (AWS_ENDPOINT_URL_S3)"
	if s3 != "" {
		p := demo.Publisher{S3: s3, Key: c.Credentials(), Now: time.Now, Client: http.DefaultClient}
		granted, err := p.Grant(cmd.Context(), bucket, arn)
		if granted {
			return
		}
		why = "it has a policy of its own"
		if err != nil {
			why = err.Error()
		}
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "warmfront: the bucket %s does not let the distribution read yet: %s.\n"+
		"Its policy must allow s3:GetObject to the service cloudfront.amazonaws.com where AWS:SourceArn is %s.\n", bucket, why, arn)
}
