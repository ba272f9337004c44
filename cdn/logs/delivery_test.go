package logs

import "testing"

func TestFolder(t *testing.T) {
	for _, c := range []struct {
		arn, path string
		hive      bool
		want      string
	}{
		{"arn:aws:s3:::b", "", false, "AWSLogs/{account-id}/CloudFront/"},
		{"arn:aws:s3:::b", "/{DistributionId}/{yyyy}/", false, "AWSLogs/{account-id}/CloudFront/{DistributionId}/{yyyy}/"},
		{"arn:aws:s3:::b", "AWSLogs/{account-id}/CloudFront/{HH}", false, "AWSLogs/{account-id}/CloudFront/{HH}/"},
		{"arn:aws:s3:::b/mine/", "", false, "mine/"},
		{"arn:aws:s3:::b/mine", "{yyyy}/{MM}/{dd}/{HH}", false, "mine/{yyyy}/{MM}/{dd}/{HH}/"},
		{"arn:aws:s3:::b/mine", "{DistributionId}/{yyyy}/{MM}", true, "mine/DistributionId={DistributionId}/year={yyyy}/month={MM}/"},
		{"arn:aws:s3:::b", "{yyyy}", true, "AWSLogs/aws-account-id={account-id}/CloudFront/year={yyyy}/"},
		{"arn:aws:s3:::b", "myFolderA/{accountid}", true, "AWSLogs/aws-account-id={account-id}/CloudFront/myFolderA/accountid={accountid}/"},
	} {
		d := Delivery{SuffixPath: c.path, Hive: c.hive}
		if got := d.Folder(&Destination{ResourceARN: c.arn}); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.arn, c.path, got, c.want)
		}
	}
	if name, prefix := (&Destination{ResourceARN: "arn:aws:s3:::b/a/c/"}).Bucket(); name != "b" || prefix != "a/c" {
		t.Errorf("%q %q", name, prefix)
	}
}

func TestDocumentsComeBack(t *testing.T) {
	d := &Delivery{Source: "s", Destination: "d", Fields: []string{"date"}, Hive: true}
	got, err := Read[Delivery](Encode(d))
	if err != nil || got.Source != "s" || got.Fields[0] != "date" || !got.Hive {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := Read[Source]("nonsense"); err == nil {
		t.Error("nonsense is a source")
	}
	if id := (&Source{ResourceARN: "arn:aws:cloudfront::123456789012:distribution/E1"}).DistributionID(); id != "E1" {
		t.Error(id)
	}
}
