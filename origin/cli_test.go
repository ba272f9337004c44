package origin

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cli runs the AWS CLI against the rig, as a user does.
type cli struct {
	*rig
	dir string
	env []string
}

func newCLI(t *testing.T) *cli {
	if testing.Short() {
		t.Skip("the AWS command line takes its time")
	}
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("aws, the AWS command line interface, is not installed")
	}
	// Each command costs half a second of interpreter start: what differs from
	// these only in its name is tested without the CLI.
	t.Parallel()
	c := &cli{rig: start(t, t.TempDir(), nil), dir: t.TempDir()}
	c.env = append(os.Environ(),
		"AWS_ENDPOINT_URL="+c.url, "AWS_ACCESS_KEY_ID="+owner.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+owner.SecretAccessKey, "AWS_DEFAULT_REGION=us-east-1",
		"AWS_CONFIG_FILE="+filepath.Join(c.dir, "config"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(c.dir, "none"), "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "NO_PROXY=127.0.0.1")
	c.write("config", "[default]\ns3 =\n  addressing_style = path\n  multipart_threshold = 8MB\n  multipart_chunksize = 5MB\n  signature_version = s3v4\n")
	return c
}

func (c *cli) write(name, content string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func (c *cli) run(args ...string) (string, error) {
	cmd := exec.Command("aws", args...)
	cmd.Env, cmd.Dir = c.env, c.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// ok runs a command that must succeed and say each of want.
func (c *cli) ok(command string, want ...string) string {
	c.t.Helper()
	out, err := c.run(strings.Fields(command)...)
	if err != nil {
		c.t.Fatalf("aws %s: %v\n%s", command, err, out)
	}
	for _, w := range want {
		if !strings.Contains(out, w) {
			c.t.Fatalf("aws %s: no %q in\n%s", command, w, out)
		}
	}
	return out
}

// fails runs a command that must fail with an error that says want.
func (c *cli) fails(want, command string) {
	c.t.Helper()
	if out, err := c.run(strings.Fields(command)...); err == nil || !strings.Contains(out, want) {
		c.t.Fatalf("aws %s: %v, want %q in\n%s", command, err, want, out)
	}
}

func TestAWSCommands(t *testing.T) {
	c := newCLI(t)
	c.write("site/index.html", "<h1>hello</h1>")
	c.write("site/css/main.css", "body{}")
	c.write("site/a b/é+&.txt", "odd")
	big := make([]byte, 12<<20)
	_, _ = rand.Read(big)
	c.write("big.bin", string(big))

	c.ok("s3 mb s3://demo", "make_bucket: demo")
	c.ok("s3 sync site s3://demo --cache-control max-age=60", "index.html")
	c.ok("s3 ls s3://demo", "PRE css/", "index.html")
	c.ok("s3 ls --recursive s3://demo", "a b/é+&.txt", "css/main.css")
	c.ok("s3 cp big.bin s3://demo/big.bin", "upload:")
	c.ok("s3 cp s3://demo/big.bin back.bin", "download:")
	if back, err := os.ReadFile(filepath.Join(c.dir, "back.bin")); err != nil || !bytes.Equal(back, big) {
		t.Errorf("big file came back with %d bytes, %v", len(back), err)
	}
	c.ok("s3 cp s3://demo/big.bin s3://demo/copy.bin", "copy:")
	if out := c.ok("s3api head-object --bucket demo --key big.bin --query ETag --output text"); !strings.Contains(out, `-3"`) {
		t.Errorf("ETag of three parts: %s", out)
	}
	url := strings.TrimSpace(c.ok("s3 presign s3://demo/index.html --expires-in 60", "X-Amz-Signature="))
	if r, err := http.Get(url); err != nil || r.StatusCode != 200 || r.Header.Get("Cache-Control") != "max-age=60" || r.Header.Get("Content-Type") != "text/html" {
		t.Errorf("presigned: %v, %v", r, err)
	}
	c.ok("s3 sync s3://demo down")
	if b, err := os.ReadFile(filepath.Join(c.dir, "down", "a b", "é+&.txt")); err != nil || string(b) != "odd" {
		t.Errorf("%q, %v", b, err)
	}
	c.ok("s3 rm s3://demo --recursive", "delete: s3://demo/index.html")
	c.ok("s3 rb s3://demo", "remove_bucket: demo")
}

func TestAWSAPICommands(t *testing.T) {
	c := newCLI(t)
	c.write("hello.txt", "hello, world")
	c.write("policy.json", strings.ReplaceAll(publicRead, `"*"`, `{"Service":"cloudfront.amazonaws.com"}`))
	c.write("public.json", publicRead)
	c.ok("s3api create-bucket --bucket demo --create-bucket-configuration LocationConstraint=eu-west-1")
	c.ok("s3api get-bucket-location --bucket demo", "eu-west-1")
	var put struct{ ETag string }
	if err := json.Unmarshal([]byte(c.ok("s3api put-object --bucket demo --key a/hello --body hello.txt --content-type text/plain --metadata colour=blue --tagging k=v", "ChecksumCRC")), &put); err != nil {
		t.Fatal(err)
	}
	c.ok("s3api head-object --bucket demo --key a/hello --checksum-mode ENABLED", `"colour": "blue"`, "text/plain", `"ContentLength": 12`, "ChecksumCRC")
	c.ok("s3api get-object --bucket demo --key a/hello --range bytes=7-11 part", "bytes 7-11/12")
	if b, err := os.ReadFile(filepath.Join(c.dir, "part")); err != nil || string(b) != "world" {
		t.Errorf("%q, %v", b, err)
	}
	c.fails("304", "s3api get-object --bucket demo --key a/hello --if-none-match "+put.ETag+" x")
	c.fails("PreconditionFailed", "s3api put-object --bucket demo --key a/hello --body hello.txt --if-none-match *")
	c.fails("NoSuchKey", "s3api get-object --bucket demo --key none x")
	c.ok("s3api put-object --bucket demo --key second", "ETag") // signed for another region first, and again as told
	c.ok("s3api list-objects-v2 --bucket demo --page-size 1", "a/hello", "second")
	c.ok("s3api put-object-tagging --bucket demo --key a/hello --tagging TagSet=[{Key=x,Value=y}]")
	c.ok("s3api get-object-tagging --bucket demo --key a/hello", `"Value": "y"`)
	c.ok("s3api put-bucket-policy --bucket demo --policy file://policy.json")
	c.ok("s3api get-bucket-policy --bucket demo", "cloudfront.amazonaws.com")
	c.fails("AccessDenied", "s3api put-bucket-policy --bucket demo --policy file://public.json")
	c.ok("s3api get-public-access-block --bucket demo", `"BlockPublicPolicy": true`)
	c.ok("s3api put-public-access-block --bucket demo --public-access-block-configuration BlockPublicPolicy=false")
	c.ok("s3api put-bucket-policy --bucket demo --policy file://public.json")
	c.want(200, nobody, "GET", "/demo/a/hello", "")
	c.ok("s3api delete-bucket-policy --bucket demo")
	c.want(403, nobody, "GET", "/demo/a/hello", "")

	var upload struct {
		ID string `json:"UploadId"`
	}
	if err := json.Unmarshal([]byte(c.ok("s3api create-multipart-upload --bucket demo --key parts")), &upload); err != nil {
		t.Fatal(err)
	}
	var part struct{ ETag string }
	if err := json.Unmarshal([]byte(c.ok("s3api upload-part --bucket demo --key parts --part-number 3 --body hello.txt --upload-id "+upload.ID)), &part); err != nil {
		t.Fatal(err)
	}
	c.ok("s3api list-parts --bucket demo --key parts --upload-id "+upload.ID, `"PartNumber": 3`)
	c.ok(fmt.Sprintf("s3api complete-multipart-upload --bucket demo --key parts --upload-id %s --multipart-upload Parts=[{PartNumber=3,ETag=%s}]", upload.ID, part.ETag), `-1\""`)
	c.ok("s3api delete-objects --bucket demo --delete Objects=[{Key=parts},{Key=second}]", `"Key": "second"`)
	c.ok("s3api put-bucket-cors --bucket demo --cors-configuration {\"CORSRules\":[{\"AllowedMethods\":[\"GET\"],\"AllowedOrigins\":[\"*\"]}]}")

	c.env = append(c.env, "AWS_SECRET_ACCESS_KEY=wrong")
	c.fails("SignatureDoesNotMatch", "s3 ls")
	c.env = append(c.env, "AWS_ACCESS_KEY_ID=AKIANOBODY")
	c.fails("InvalidAccessKeyId", "s3 ls")
}
